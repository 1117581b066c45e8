"""The rules of the strict onnxruntime backend, without a server."""

from types import ModuleType
from typing import Any

import pytest

from pintower.assets import asset


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(asset("triton_models", "backends", "onnxruntime"))
    import strict_config

    return strict_config


@pytest.fixture
def options(strict: ModuleType) -> ModuleType:
    import session_options

    return session_options


def config(max_batch_size: int = 0, dims: tuple[int, ...] = (-1,), **more: Any) -> dict[str, Any]:
    # Triton writes 64-bit numbers of its JSON as numbers, protobuf's own JSON as text: both come.
    entry = {"name": "A", "data_type": "TYPE_FP32", "dims": list(dims)}
    out = {"name": "Y", "data_type": "TYPE_FP32", "dims": list(dims)}
    values = {"name": "m", "max_batch_size": max_batch_size, "input": [entry], "output": [out]}
    return values | more


def check(
    strict: ModuleType, values: dict[str, Any], shape: tuple[int | str, ...], out: Any = None
) -> None:
    strict.check_tensors(
        values,
        [strict.tensor_spec("A", "tensor(float)", shape)],
        [strict.tensor_spec("Y", "tensor(float)", out or shape)],
    )


def test_matching_shapes_are_accepted(strict: ModuleType) -> None:
    check(strict, config(0, (-1, 4)), ("n", 4))
    check(strict, config(8, (4,)), ("batch", 4))


def test_an_input_may_be_fixed_where_the_graph_is_open(strict: ModuleType) -> None:
    values = config(8, (4,))
    values["output"][0]["dims"] = [-1]
    check(strict, values, ("batch", "length"))


def test_an_output_may_not_be_fixed_where_the_graph_is_open(strict: ModuleType) -> None:
    with pytest.raises(strict.ConfigError, match=r"output 'Y'.*\[-1,-1\].*\[-1,4\]"):
        check(strict, config(8, (4,)), ("batch", 4), ("batch", "width"))


def test_an_input_may_not_be_open_where_the_graph_is_fixed(strict: ModuleType) -> None:
    with pytest.raises(strict.ConfigError, match="model 'm', input 'A'"):
        check(strict, config(0, (-1, -1)), ("n", 4))


def test_batching_needs_a_dynamic_first_dimension(strict: ModuleType) -> None:
    with pytest.raises(strict.ConfigError, match="first dimension has to be dynamic"):
        check(strict, config(8, (4,)), (1, 4))


def test_a_scalar_is_refused(strict: ModuleType) -> None:
    with pytest.raises(strict.ConfigError, match="scalar"):
        check(strict, config(0, ()), ())


def test_a_subset_of_the_outputs_is_accepted(strict: ModuleType) -> None:
    spec = strict.tensor_spec
    outputs = [spec(name, "tensor(float)", ("n",)) for name in ("X", "Y", "Z")]
    strict.check_tensors(config(), [spec("A", "tensor(float)", ("n",))], outputs)


def test_text_tensors_are_refused(strict: ModuleType) -> None:
    spec = strict.tensor_spec
    with pytest.raises(strict.ConfigError, match=r"tensor\(string\) is not supported"):
        strict.check_tensors(
            config(),
            [spec("A", "tensor(string)", ("n",))],
            [spec("Y", "tensor(float)", ("n",))],
        )


def with_initializer(strict: ModuleType, values: dict[str, Any]) -> None:
    """Check a configuration against a graph that requires A and lets W be overridden."""
    spec = strict.tensor_spec
    a, w, y = (spec(name, "tensor(float)", ("n",)) for name in ("A", "W", "Y"))
    strict.check_tensors(values, [a], [y], [w])


def test_an_input_that_the_graph_requires_may_not_be_optional(strict: ModuleType) -> None:
    values = config()
    values["input"][0]["optional"] = True
    with pytest.raises(strict.ConfigError, match="input 'A' is optional, and the graph requires"):
        with_initializer(strict, values)


def test_an_initializer_may_be_overridden_by_an_optional_input_alone(strict: ModuleType) -> None:
    values = config()
    values["input"].append({"name": "W", "data_type": "TYPE_FP32", "dims": [-1]})
    with pytest.raises(strict.ConfigError, match="input 'W' overrides an initializer and is not"):
        with_initializer(strict, values)
    values["input"][1]["optional"] = True
    with_initializer(strict, values)


def test_one_wrong_input_does_not_make_up_for_another(strict: ModuleType) -> None:
    """The genuine backend counts, and here the count is right: one is not optional."""
    values = config()
    values["input"][0]["optional"] = True
    values["input"].append({"name": "W", "data_type": "TYPE_FP32", "dims": [-1]})
    with pytest.raises(strict.ConfigError, match="input 'A' is optional"):
        with_initializer(strict, values)


def test_an_optional_input_is_refused_where_requests_are_batched(strict: ModuleType) -> None:
    values = config(8, (4,))
    values["input"][0]["optional"] = True
    with pytest.raises(strict.ConfigError, match="optional"):
        check(strict, values, ("batch", 4))


@pytest.mark.parametrize(
    ("key", "value"),
    [("reshape", {"shape": [4]}), ("allow_ragged_batch", True), ("is_shape_tensor", True)],
)
@pytest.mark.parametrize("side", ["input", "output"])
def test_what_this_backend_lacks_is_refused_by_name(
    strict: ModuleType, side: str, key: str, value: object
) -> None:
    values = config(0, (4,))
    values[side][0][key] = value
    with pytest.raises(strict.ConfigError, match=f"does not support '{key}'"):
        check(strict, values, (4,))


def parameters(**values: str) -> dict[str, Any]:
    return config(parameters={key: {"string_value": value} for key, value in values.items()})


def test_parameters_become_session_options(options: ModuleType) -> None:
    made = options.make_session_options(
        parameters(
            intra_op_thread_count="3",
            inter_op_thread_count="2",
            execution_mode="1",
            enable_mem_arena="false",
            enable_mem_pattern="0",
        )
    )
    assert made.intra_op_num_threads == 3
    assert made.inter_op_num_threads == 2
    assert made.execution_mode.name == "ORT_PARALLEL"
    assert made.enable_cpu_mem_arena is False
    assert made.enable_mem_pattern is False


def test_the_largest_int_is_a_count_of_threads(options: ModuleType) -> None:
    made = options.make_session_options(parameters(intra_op_thread_count=str(2**31 - 1)))
    assert made.intra_op_num_threads == 2**31 - 1


@pytest.mark.parametrize(("version", "knows"), [("1.19.2", False), ("1.27.0", True)])
def test_a_parameter_of_later_releases_is_known_to_their_runtimes_alone(
    options: ModuleType, version: str, knows: bool
) -> None:
    key = "session.use_device_allocator_for_initializers"
    assert (key in options.known_keys(version)) is knows


def test_an_operator_library_that_does_not_load_is_refused(
    strict: ModuleType, options: ModuleType
) -> None:
    values = config(model_operations={"op_library_filename": ["/nowhere/libops.so"]})
    message = r"the operator library '/nowhere/libops\.so' does not load: .*/nowhere/libops\.so"
    with pytest.raises(strict.ConfigError, match=message):
        options.make_session_options(values)


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (None, "ORT_ENABLE_ALL"),
        (0, "ORT_ENABLE_ALL"),
        (1, "ORT_ENABLE_EXTENDED"),
        (-1, "ORT_ENABLE_BASIC"),
        (2, "ORT_DISABLE_ALL"),
    ],
)
def test_graph_levels_follow_triton(options: ModuleType, level: int | None, name: str) -> None:
    optimization = {} if level is None else {"graph": {"level": level}}
    made = options.make_session_options(config(optimization=optimization))
    assert made.graph_optimization_level.name == name


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("intra_op_threads", "1"),
        ("intra_op_thread_count", "two"),
        ("intra_op_thread_count", "٣"),
        ("intra_op_thread_count", "²"),
        ("intra_op_thread_count", "-1"),
        ("intra_op_thread_count", "1 "),
        ("intra_op_thread_count", ""),
        ("intra_op_thread_count", str(2**31)),
        ("inter_op_thread_count", "9" * 5000),
        ("execution_mode", "2"),
        ("enable_mem_arena", "yes"),
    ],
)
def test_wrong_parameters_are_refused(
    strict: ModuleType, options: ModuleType, key: str, value: str
) -> None:
    with pytest.raises(strict.ConfigError, match=f"model 'm'.*{key}"):
        options.make_session_options(parameters(**{key: value}))
