import pytest

from pintower.serving.server_log import last_errors, load_failures, loading_models

PYTHON_FAILURE = (
    "E1122 20:56:31.695255 3599 model_lifecycle.cc:642] \"failed to load 'add' version 1: "
    "Internal: ConfigError: model 'add': unexpected input 'C'\\n\\nAt:\\n"
    '  /x/model.py(7): initialize\\n"'
)
LOG = f"""\
E1122 20:56:31.323172 3599 server.cc:241] "CudaDriverHelper has not been initialized."
I1122 20:56:31.324402 3599 model_lifecycle.cc:472] "loading: add:1"
{PYTHON_FAILURE}
I1122 20:56:31.695275 3599 model_lifecycle.cc:777] "failed to load 'add'"
error: creating server: Invalid argument - load failed for model 'add': version 1 is at UNAVAILABLE state: Internal: again;
"""  # noqa: E501


def test_a_failed_model_is_named_once_with_its_reason_in_one_line() -> None:
    (failure,) = load_failures(LOG)
    assert str(failure) == "add version 1: model 'add': unexpected input 'C'"


def test_a_log_without_failures_names_none() -> None:
    assert load_failures("I1122 20:56:31.3 1 x.cc:1] \"successfully loaded 'add'\"") == []


def test_last_errors_leave_out_what_every_machine_without_a_gpu_says() -> None:
    errors = last_errors(LOG)
    assert not any("CudaDriverHelper" in line for line in errors)
    assert errors[-1].startswith("error: creating server")


def test_a_log_without_error_lines_gives_its_end() -> None:
    assert last_errors("one\ntwo\n\n", count=1) == ["two"]


def test_an_unknown_model_and_an_unreadable_configuration_are_failures() -> None:
    log = """\
E1122 21:19:10.9 1 x.cc:1415] "failed to poll model 'absent': model not found in any model repository."
[libprotobuf ERROR x.cc:337] Error parsing text-format inference.ModelConfig: 1:10: no field.
E1122 21:19:10.9 1 x.cc:1415] "Poll failed for model directory 'bad': failed to read text proto"
"""  # noqa: E501
    assert [str(failure) for failure in load_failures(log)] == [
        "absent: model not found in any model repository.",
        "bad: failed to read text proto (1:10: no field.)",
    ]


def test_a_python_step_that_never_comes_up_is_among_the_last_errors() -> None:
    log = "I1122 21:19:17.0 1 pb_stub.cc:2105]  Failed to preinitialize Python stub: no model.py"
    assert last_errors(f'{log}\nI1122 21:19:17.0 1 x.cc:1] "more"') == [log]


STARTED = """\
W1128 02:03:22.778172 7495 pinned_memory_manager.cc:273] "Unable to allocate pinned system memory"
E1128 02:03:22.778272 7495 server.cc:241] "CudaDriverHelper has not been initialized."
I1128 02:03:22.789793 7495 model_lifecycle.cc:472] "loading: scorer:1"
I1128 02:03:22.796500 7495 model_lifecycle.cc:472] "loading: tokenizer:1"
I1128 02:03:26.149502 7495 model_lifecycle.cc:839] "successfully loaded 'scorer'"
E1128 02:03:26.274594 7495 ensemble_scheduler.cc:1468] "unable to create stream for relevance: CUDA driver version is insufficient for CUDA runtime version"
+-----------+---------+--------+
| scorer    | 1       | READY  |
+-----------+---------+--------+

Error: Failed to initialize NVML
W1128 02:03:26.278538 7495 metrics.cc:798] "DCGM unable to start: DCGM initialization error"
I1128 02:03:26.326464 7495 http_server.cc:362] "Started Metrics Service at 127.0.0.1:18002"
"""  # noqa: E501


def test_a_server_that_was_killed_logged_no_error() -> None:
    assert last_errors(STARTED) == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("Signal (11) received.\n 0# 0x1 in /x\n 1# 0x2 in /y\n", ["Signal (11) received."]),
        ("bash: -c: line 1: unexpected EOF\n", ["bash: -c: line 1: unexpected EOF"]),
        ("  what():  stol\n", ["  what():  stol"]),
    ],
)
def test_what_ended_a_server_is_among_its_last_errors(lines: str, told: list[str]) -> None:
    assert last_errors(STARTED + lines) == told


def test_models_that_are_still_being_loaded_are_named() -> None:
    assert loading_models(STARTED) == (["scorer"], ["tokenizer"])
    assert loading_models("") == ([], [])
