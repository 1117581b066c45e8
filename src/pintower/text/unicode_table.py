"""Kinds of characters in Unicode 13.0.0, written by ``tools/unicode_table.py``.

Each string but ``KIND`` is the inside of a character class of a regular expression, and tells of
characters up to U+FFFF. Beyond, ``FIRST`` has where each stretch of characters of one kind begins,
and ``KIND`` a character up to U+FFFF that is of the stretch's kind.
"""

__all__ = [
    "DROPPED",
    "FIRST",
    "KIND",
    "LETTERS",
    "MARKS",
    "PICTOGRAPHS",
    "UNASSIGNED",
    "UNSPACED",
    "ZEROS",
]

LETTERS = (
    "\x30-\x39\x41-\x5a\x61-\x7a\xaa\xb2\xb3\xb5\xb9\xba\xbc-\xbe\xc0-\xd6\xd8-\xf6\xf8-\u02c1"
    "\u02c6-\u02d1\u02e0-\u02e4\u02ec\u02ee\u0370-\u0374\u0376-\u037d\u037f-\u0383\u0386\u0388-"
    "\u03f5\u03f7-\u0481\u048a-\u0559\u0560-\u0588\u058b\u058c\u0590\u05c8-\u05f2\u05f5-\u05ff"
    "\u061d\u0620-\u063f\u0641-\u064a\u0660-\u0669\u066e\u066f\u0671-\u06d3\u06d5\u06e5\u06e6"
    "\u06ee-\u06fc\u06ff\u070e\u0710\u0712-\u072f\u074b-\u07a5\u07b1-\u07ea\u07f4\u07f5\u07fa-"
    "\u07fc\u0800-\u0815\u081a\u0824\u0828\u082e\u082f\u083f-\u0858\u085c\u085d\u085f-\u08d2\u0904-"
    "\u0939\u093d\u0950\u0958-\u0961\u0966-\u096f\u0971-\u0980\u0984-\u09bb\u09bd\u09c5\u09c6\u09c9"
    "\u09ca\u09ce-\u09d6\u09d8-\u09e1\u09e4-\u09f1\u09f4-\u09f9\u09fc\u09ff\u0a00\u0a04-\u0a3b"
    "\u0a3d\u0a43-\u0a46\u0a49\u0a4a\u0a4e-\u0a50\u0a52-\u0a6f\u0a72-\u0a74\u0a77-\u0a80\u0a84-"
    "\u0abb\u0abd\u0ac6\u0aca\u0ace-\u0ae1\u0ae4-\u0aef\u0af2-\u0af9\u0b00\u0b04-\u0b3b\u0b3d\u0b45"
    "\u0b46\u0b49\u0b4a\u0b4e-\u0b54\u0b58-\u0b61\u0b64-\u0b6f\u0b71-\u0b81\u0b83-\u0bbd\u0bc3-"
    "\u0bc5\u0bc9\u0bce-\u0bd6\u0bd8-\u0bf2\u0bfb-\u0bff\u0c05-\u0c3d\u0c45\u0c49\u0c4e-\u0c54"
    "\u0c57-\u0c61\u0c64-\u0c76\u0c78-\u0c7e\u0c80\u0c85-\u0cbb\u0cbd\u0cc5\u0cc9\u0cce-\u0cd4"
    "\u0cd7-\u0ce1\u0ce4-\u0cff\u0d04-\u0d3a\u0d3d\u0d45\u0d49\u0d4e\u0d50-\u0d56\u0d58-\u0d61"
    "\u0d64-\u0d78\u0d7a-\u0d80\u0d84-\u0dc9\u0dcb-\u0dce\u0dd5\u0dd7\u0de0-\u0df1\u0df5-\u0e00"
    "\u0e3b-\u0e3e\u0e50-\u0e59\u0e5c-\u0e80\u0e83\u0e85\u0e8b\u0ea4\u0ea6\u0ebe\u0ebf\u0ec5\u0ec7"
    "\u0ece-\u0edb\u0ee0-\u0f00\u0f20-\u0f33\u0f40-\u0f70\u0f88-\u0f8c\u0f98\u0fbd\u0fcd\u0fdb-"
    "\u0fff\u1040-\u1049\u1090-\u1099\u10a0-\u10fa\u10fc-\u10ff\u1200-\u135c\u1369-\u138f\u139a-"
    "\u13ff\u1401-\u166c\u166f-\u167f\u1681-\u169a\u169d-\u16ea\u16ee-\u1711\u1715-\u1731\u1737-"
    "\u1751\u1754-\u1771\u1774-\u177f\u17de-\u17ff\u180f-\u1884\u1887-\u18a8\u18aa-\u191f\u192c-"
    "\u192f\u193c-\u193f\u1941-\u1943\u1946-\u194f\u196e\u196f\u1975-\u197f\u19ac-\u19af\u19ca-"
    "\u19dd\u1a00-\u1a16\u1a1c\u1a1d\u1a5f\u1a7d\u1a7e\u1a80-\u1a9f\u1aae\u1aaf\u1ac1-\u1aff\u1b4c-"
    "\u1b59\u1b7d-\u1b7f\u1b83-\u1ba0\u1bae-\u1be5\u1bf4-\u1bfb\u1c00-\u1c23\u1c38-\u1c3a\u1c40-"
    "\u1c7d\u1c80-\u1cbf\u1cc8-\u1ccf\u1ce9-\u1cec\u1cee-\u1cf3\u1cf5\u1cf6\u1cfa-\u1dbf\u1dfa"
    "\u1e00-\u1fbc\u1fbe\u1fc2-\u1fcc\u1fd0-\u1fdc\u1fe0-\u1fec\u1ff0-\u1ffc\u1fff\u2065\u2070-"
    "\u2079\u207f-\u2089\u208f-\u209f\u20c0-\u20cf\u20f1-\u20ff\u2102\u2107\u210a-\u2113\u2115"
    "\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2139\u213c-\u213f\u2145-\u2149\u214e"
    "\u2150-\u2189\u218c-\u218f\u2427-\u243f\u244b-\u249b\u24ea-\u24ff\u2776-\u2793\u2b74\u2b75"
    "\u2b96\u2c00-\u2ce4\u2ceb-\u2cee\u2cf2-\u2cf8\u2cfd\u2d00-\u2d6f\u2d71-\u2d7e\u2d80-\u2ddf"
    "\u2e2f\u2e53-\u2e7f\u2e9a\u2ef4-\u2eff\u2fd6-\u2fef\u2ffc-\u2fff\u3021-\u3029\u3031-\u3035"
    "\u3038-\u303c\u3040\u3097\u3098\u3100-\u3104\u3130\u3164\u318f\u3192-\u3195\u31e4-\u31ef"
    "\u321f-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf\u9ffd-\u9fff\ua48d-\ua48f"
    "\ua4c7-\ua4fd\ua500-\ua60c\ua610-\ua66e\ua67f-\ua69d\ua6a0-\ua6ef\ua6f8-\ua6ff\ua717-\ua71f"
    "\ua722-\ua788\ua78b-\ua801\ua803-\ua805\ua807-\ua80a\ua80c-\ua822\ua82d-\ua835\ua83a-\ua873"
    "\ua878-\ua87f\ua882-\ua8b3\ua8c6-\ua8cd\ua8d0-\ua8df\ua8f2-\ua8f7\ua8fb\ua8fd\ua8fe\ua900-"
    "\ua925\ua930-\ua946\ua954-\ua95e\ua97d-\ua97f\ua9ce\ua9d0-\ua9dd\ua9f0-\ua9f9\ua9ff-\uaa28"
    "\uaa37-\uaa42\uaa44-\uaa4b\uaa4e-\uaa5b\uaac3-\uaada\uaae0-\uaaea\uaaf2-\uaaf4\uaaf7-\uab5a"
    "\uab5c-\uab69\uab6c-\uabe2\uabee-\uabff\ud7a4-\ud7af\ud7c7-\ud7ca\ud7fc-\ud7ff\ufa6e\ufa6f"
    "\ufada-\ufb1d\ufb1f-\ufb28\ufb2a-\ufbb1\ufbc2-\ufd3d\ufd40-\ufdcf\ufdf0-\ufdfb\ufdfe\ufdff"
    "\ufe1a-\ufe1f\ufe53\ufe67\ufe6c-\ufefe\uff00\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-"
    "\uffdf\uffe7\uffef-\ufff8"
)

UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81\u0e82\u0e84\u0e86-\u0e8a\u0e8c-\u0ea3\u0ea5"
    "\u0ea7-\u0eb0\u0eb2\u0eb3\u0ebd\u0ec0-\u0ec4\u0ec6\u0edc-\u0edf\u1000-\u102a\u103f\u1050-"
    "\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e\u1100-\u11ff\u1780-"
    "\u17b3\u17d7\u17dc\u1950-\u196d\u1970-\u1974\u1980-\u19ab\u19b0-\u19c9\u1a20-\u1a54\u1aa7"
    "\u1b05-\u1b33\u1b45-\u1b4b\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u3131-\u3163\u3165-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9ffc"
    "\ua000-\ua48c\ua960-\ua97c\ua984-\ua9b2\ua9cf\ua9e0-\ua9e4\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa60-"
    "\uaa76\uaa7a\uaa7e-\uaaaf\uaab1\uaab5\uaab6\uaab9-\uaabd\uaac0\uaac2\uaadb-\uaadd\uac00-\ud7a3"
    "\ud7b0-\ud7c6\ud7cb-\ud7fb\uf900-\ufa6d\ufa70-\ufad9"
)

MARKS = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0487\u0653-\u0655\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-"
    "\u07f3\u07fd\u0816-\u0819\u081b-\u0823\u0825-\u0827\u0829-\u082d\u0859-\u085b\u0900-\u0903"
    "\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc\u09be-\u09c4\u09c7"
    "\u09c8\u09cb-\u09cd\u09d7\u09e2\u09e3\u09fe\u0a01-\u0a03\u0a3c\u0a3e-\u0a42\u0a47\u0a48\u0a4b-"
    "\u0a4d\u0a51\u0a70\u0a71\u0a75\u0a81-\u0a83\u0abc\u0abe-\u0ac5\u0ac7-\u0ac9\u0acb-\u0acd\u0ae2"
    "\u0ae3\u0afa-\u0aff\u0b01-\u0b03\u0b3c\u0b3e-\u0b44\u0b47\u0b48\u0b4b-\u0b4d\u0b55-\u0b57"
    "\u0b62\u0b63\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcd\u0bd7\u0c00-\u0c04\u0c3e-\u0c44"
    "\u0c46-\u0c48\u0c4a-\u0c4d\u0c55\u0c56\u0c62\u0c63\u0c81-\u0c83\u0cbc\u0cbe-\u0cc4\u0cc6-"
    "\u0cc8\u0cca-\u0ccd\u0cd5\u0cd6\u0ce2\u0ce3\u0d00-\u0d03\u0d3b\u0d3c\u0d3e-\u0d44\u0d46-\u0d48"
    "\u0d4a-\u0d4d\u0d57\u0d62\u0d63\u0d81-\u0d83\u0dca\u0dcf-\u0dd4\u0dd6\u0dd8-\u0ddf\u0df2\u0df3"
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f18\u0f19\u0f35\u0f37\u0f39"
    "\u0f3e\u0f3f\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0f97\u0f99-\u0fbc\u0fc6\u102b-\u103e\u1056-"
    "\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d\u108f\u109a-\u109d"
    "\u135d-\u135f\u1712-\u1714\u1732-\u1734\u1752\u1753\u1772\u1773\u17b4-\u17d3\u17dd\u1885\u1886"
    "\u18a9\u1920-\u192b\u1930-\u193b\u1a17-\u1a1b\u1a55-\u1a5e\u1a60-\u1a7c\u1a7f\u1ab0-\u1abd"
    "\u1abf\u1ac0\u1b00-\u1b04\u1b34-\u1b44\u1b6b-\u1b73\u1b80-\u1b82\u1ba1-\u1bad\u1be6-\u1bf3"
    "\u1c24-\u1c37\u1cd0-\u1cd2\u1cd4-\u1ce8\u1ced\u1cf4\u1cf7-\u1cf9\u1dc0-\u1df9\u1dfb-\u1dff"
    "\u20d0-\u20dc\u20e1\u20e5-\u20f0\u2cef-\u2cf1\u2d7f\u2de0-\u2dff\u302a-\u302f\u3099\u309a"
    "\ua66f\ua674-\ua67d\ua69e\ua69f\ua6f0\ua6f1\ua802\ua806\ua80b\ua823-\ua827\ua82c\ua880\ua881"
    "\ua8b4-\ua8c5\ua8e0-\ua8f1\ua8ff\ua926-\ua92d\ua947-\ua953\ua980-\ua983\ua9b3-\ua9c0\ua9e5"
    "\uaa29-\uaa36\uaa43\uaa4c\uaa4d\uaa7b-\uaa7d\uaab0\uaab2-\uaab4\uaab7\uaab8\uaabe\uaabf\uaac1"
    "\uaaeb-\uaaef\uaaf5\uaaf6\uabe3-\uabea\uabec\uabed\ufb1e\ufe20-\ufe2f"
)

PICTOGRAPHS = "\u2600-\u266e\u2670-\u2767\u2794-\u27bf"

DROPPED = (
    "\xad\u034f\u0488\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0600-\u0605\u0610-"
    "\u061a\u061c\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dd\u06df-\u06e4\u06e7\u06e8"
    "\u06ea-\u06ed\u070f\u08d3-\u08ff\u180b-\u180e\u1abe\u200c-\u200f\u202a-\u202e\u2060-\u2064"
    "\u2066-\u206f\u20dd-\u20e0\u20e2-\u20e4\ua670-\ua672\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
)

UNASSIGNED = (
    "\u0378\u0379\u0380-\u0383\u038b\u038d\u03a2\u0530\u0557\u0558\u058b\u058c\u0590\u05c8-\u05cf"
    "\u05eb-\u05ee\u05f5-\u05ff\u061d\u070e\u074b\u074c\u07b2-\u07bf\u07fb\u07fc\u082e\u082f\u083f"
    "\u085c\u085d\u085f\u086b-\u089f\u08b5\u08c8-\u08d2\u0984\u098d\u098e\u0991\u0992\u09a9\u09b1"
    "\u09b3-\u09b5\u09ba\u09bb\u09c5\u09c6\u09c9\u09ca\u09cf-\u09d6\u09d8-\u09db\u09de\u09e4\u09e5"
    "\u09ff\u0a00\u0a04\u0a0b-\u0a0e\u0a11\u0a12\u0a29\u0a31\u0a34\u0a37\u0a3a\u0a3b\u0a3d\u0a43-"
    "\u0a46\u0a49\u0a4a\u0a4e-\u0a50\u0a52-\u0a58\u0a5d\u0a5f-\u0a65\u0a77-\u0a80\u0a84\u0a8e\u0a92"
    "\u0aa9\u0ab1\u0ab4\u0aba\u0abb\u0ac6\u0aca\u0ace\u0acf\u0ad1-\u0adf\u0ae4\u0ae5\u0af2-\u0af8"
    "\u0b00\u0b04\u0b0d\u0b0e\u0b11\u0b12\u0b29\u0b31\u0b34\u0b3a\u0b3b\u0b45\u0b46\u0b49\u0b4a"
    "\u0b4e-\u0b54\u0b58-\u0b5b\u0b5e\u0b64\u0b65\u0b78-\u0b81\u0b84\u0b8b-\u0b8d\u0b91\u0b96-"
    "\u0b98\u0b9b\u0b9d\u0ba0-\u0ba2\u0ba5-\u0ba7\u0bab-\u0bad\u0bba-\u0bbd\u0bc3-\u0bc5\u0bc9"
    "\u0bce\u0bcf\u0bd1-\u0bd6\u0bd8-\u0be5\u0bfb-\u0bff\u0c0d\u0c11\u0c29\u0c3a-\u0c3c\u0c45\u0c49"
    "\u0c4e-\u0c54\u0c57\u0c5b-\u0c5f\u0c64\u0c65\u0c70-\u0c76\u0c8d\u0c91\u0ca9\u0cb4\u0cba\u0cbb"
    "\u0cc5\u0cc9\u0cce-\u0cd4\u0cd7-\u0cdd\u0cdf\u0ce4\u0ce5\u0cf0\u0cf3-\u0cff\u0d0d\u0d11\u0d45"
    "\u0d49\u0d50-\u0d53\u0d64\u0d65\u0d80\u0d84\u0d97-\u0d99\u0db2\u0dbc\u0dbe\u0dbf\u0dc7-\u0dc9"
    "\u0dcb-\u0dce\u0dd5\u0dd7\u0de0-\u0de5\u0df0\u0df1\u0df5-\u0e00\u0e3b-\u0e3e\u0e5c-\u0e80"
    "\u0e83\u0e85\u0e8b\u0ea4\u0ea6\u0ebe\u0ebf\u0ec5\u0ec7\u0ece\u0ecf\u0eda\u0edb\u0ee0-\u0eff"
    "\u0f48\u0f6d-\u0f70\u0f98\u0fbd\u0fcd\u0fdb-\u0fff\u10c6\u10c8-\u10cc\u10ce\u10cf\u1249\u124e"
    "\u124f\u1257\u1259\u125e\u125f\u1289\u128e\u128f\u12b1\u12b6\u12b7\u12bf\u12c1\u12c6\u12c7"
    "\u12d7\u1311\u1316\u1317\u135b\u135c\u137d-\u137f\u139a-\u139f\u13f6\u13f7\u13fe\u13ff\u169d-"
    "\u169f\u16f9-\u16ff\u170d\u1715-\u171f\u1737-\u173f\u1754-\u175f\u176d\u1771\u1774-\u177f"
    "\u17de\u17df\u17ea-\u17ef\u17fa-\u17ff\u180f\u181a-\u181f\u1879-\u187f\u18ab-\u18af\u18f6-"
    "\u18ff\u191f\u192c-\u192f\u193c-\u193f\u1941-\u1943\u196e\u196f\u1975-\u197f\u19ac-\u19af"
    "\u19ca-\u19cf\u19db-\u19dd\u1a1c\u1a1d\u1a5f\u1a7d\u1a7e\u1a8a-\u1a8f\u1a9a-\u1a9f\u1aae\u1aaf"
    "\u1ac1-\u1aff\u1b4c-\u1b4f\u1b7d-\u1b7f\u1bf4-\u1bfb\u1c38-\u1c3a\u1c4a-\u1c4c\u1c89-\u1c8f"
    "\u1cbb\u1cbc\u1cc8-\u1ccf\u1cfb-\u1cff\u1dfa\u1f16\u1f17\u1f1e\u1f1f\u1f46\u1f47\u1f4e\u1f4f"
    "\u1f58\u1f5a\u1f5c\u1f5e\u1f7e\u1f7f\u1fb5\u1fc5\u1fd4\u1fd5\u1fdc\u1ff0\u1ff1\u1ff5\u1fff"
    "\u2065\u2072\u2073\u208f\u209d-\u209f\u20c0-\u20cf\u20f1-\u20ff\u218c-\u218f\u2427-\u243f"
    "\u244b-\u245f\u2b74\u2b75\u2b96\u2c2f\u2c5f\u2cf4-\u2cf8\u2d26\u2d28-\u2d2c\u2d2e\u2d2f\u2d68-"
    "\u2d6e\u2d71-\u2d7e\u2d97-\u2d9f\u2da7\u2daf\u2db7\u2dbf\u2dc7\u2dcf\u2dd7\u2ddf\u2e53-\u2e7f"
    "\u2e9a\u2ef4-\u2eff\u2fd6-\u2fef\u2ffc-\u2fff\u3040\u3097\u3098\u3100-\u3104\u3130\u318f"
    "\u31e4-\u31ef\u321f\u9ffd-\u9fff\ua48d-\ua48f\ua4c7-\ua4cf\ua62c-\ua63f\ua6f8-\ua6ff\ua7c0"
    "\ua7c1\ua7cb-\ua7f4\ua82d-\ua82f\ua83a-\ua83f\ua878-\ua87f\ua8c6-\ua8cd\ua8da-\ua8df\ua954-"
    "\ua95e\ua97d-\ua97f\ua9ce\ua9da-\ua9dd\ua9ff\uaa37-\uaa3f\uaa4e\uaa4f\uaa5a\uaa5b\uaac3-\uaada"
    "\uaaf7-\uab00\uab07\uab08\uab0f\uab10\uab17-\uab1f\uab27\uab2f\uab6c-\uab6f\uabee\uabef\uabfa-"
    "\uabff\ud7a4-\ud7af\ud7c7-\ud7ca\ud7fc-\ud7ff\ufa6e\ufa6f\ufada-\ufaff\ufb07-\ufb12\ufb18-"
    "\ufb1c\ufb37\ufb3d\ufb3f\ufb42\ufb45\ufbc2-\ufbd2\ufd40-\ufd4f\ufd90\ufd91\ufdc8-\ufdcf\ufdfe"
    "\ufdff\ufe1a-\ufe1f\ufe53\ufe67\ufe6c-\ufe6f\ufe75\ufefd\ufefe\uff00\uffbf-\uffc1\uffc8\uffc9"
    "\uffd0\uffd1\uffd8\uffd9\uffdd-\uffdf\uffe7\uffef-\ufff8"
)

ZEROS = (
    "\u0660\u06f0\u07c0\u0966\u09e6\u0a66\u0ae6\u0b66\u0be6\u0c66\u0ce6\u0d66\u0de6\u0e50\u0ed0"
    "\u0f20\u1040\u1090\u17e0\u1810\u1946\u19d0\u1a80\u1a90\u1b50\u1bb0\u1c40\u1c50\ua620\ua8d0"
    "\ua900\ua9d0\ua9f0\uaa50\uabf0\uff10"
)

KIND = (
    "\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x21\u0378\x61\u0378\x21"
    "\x61\x21\x61\x21\u0378\x21\u0378\x21\u0378\x21\u0300\u0378\x61\u0378\x61\u0378\u0300\x61\u0378"
    "\x61\u0378\x61\u0378\x61\u0300\u0378\x61\u0378\x21\x61\u0378\x61\x21\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x21\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x21\x61\x21\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x21\x61\u0378\x21\u0378\x61\u0378\x61\u0378\x61\u0300\u0378\u0300"
    "\u0378\u0300\x61\u0378\x61\u0378\x61\u0378\u0300\u0378\u0300\x61\u0378\x21\u0378\x61\x21\x61"
    "\u0378\x61\x21\x61\u0300\u0378\x61\x21\u0378\x61\u0378\x21\x61\u0378\x61\u0378\x61\u0378\x21"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0300\u0378\x61\u0378\x61\u0378\x61\u0378"
    "\u0300\x21\u0378\x61\u0378\x61\u0378\x61\u0300\x61\x21\u0378\x61\u0378\x61\u0378\u0300\x61"
    "\u0300\x21\u0378\x61\u0378\u0300\x61\u0300\x21\xad\x21\u0378\xad\u0378\x61\u0378\x61\u0378"
    "\u0300\x61\u0300\u0378\x61\x21\x61\u0300\x61\u0378\x61\u0300\x21\x61\u0378\u0300\x61\u0300\x61"
    "\x21\u0300\x21\u0300\x61\x21\x61\x21\u0378\x61\u0378\x61\u0378\x61\u0300\x21\u0300\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\x21\u0378\x61\u0300\u0378\x61\u0378\u0300\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\u0300\x61\u0300\u0378\u0300\u0378"
    "\u0300\u0378\x61\u0378\u0300\u0378\x61\u0300\u0378\u0300\u0378\u0300\u0378\x61\u0300\x61\x21"
    "\x61\x21\u0378\x21\u0300\x61\u0378\x61\u0300\x61\x21\x61\u0378\x61\u0378\x61\u0300\u0378\u0300"
    "\x21\x61\u0300\u0378\x61\u0300\x21\x61\u0378\x61\u0378\x21\u0378\x61\u0300\x61\u0378\x61\u0378"
    "\u4e00\u0378\u0300\u0378\x61\x21\u0378\x61\u0300\x21\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0300\u0378\u0300\u0378\u0300\x61\u0300\x61\u0300\x21\u0378\x61\u0378\x61"
    "\u0378\x61\u0300\u0378\u0300\x61\x21\x61\u0300\u0378\x61\u0300\x61\u0300\x61\u0300\x21\u0300"
    "\u0378\x61\u0300\x61\u0300\x21\x61\x21\u0378\x61\u0378\x61\u0378\x61\u0300\u0378\u0300\x61\x21"
    "\u0378\x61\u0378\x21\x61\u0378\u0300\u0378\u0300\u0378\x61\u0378\x61\u0378\x61\u0300\u0378"
    "\u0300\u0378\u0300\u0378\u0300\x61\u0300\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0300\u0378"
    "\u0300\u0378\u0300\x61\u0378\x61\u0378\x61\u0300\x21\u0378\x61\u0378\x61\x21\u0378\x21\x61"
    "\u0378\x61\u0378\x21\u0378\x61\u0378\x61\u0378\xad\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x21\u0378\x61\u0378\u0300\x21\u0378\x61\u0300\x21\x61\x21\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\x21\u0378\x61\u0378\u0300\x61\u0300\u0378\u0300\x61\u0378\x61\x21\x61"
    "\u0300\u0378\u0300\u0378\x61\u0378\x61\u0378\x61\u0378\u4e00\x61\u0378\u4e00\u0378\u4e00\u0378"
    "\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x21\u0300\x21\xad\u0378\x21\u0378\x21\u0378"
    "\x21\u0300\x21\u0300\xad\u0300\x21\u0300\x21\u0300\x21\u0378\x21\u0300\x21\u0378\x61\u0378\x21"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\x21\x61\x21\x61\x21\x61\x21\x61\x21\x61\x21\x61\x21\x61\x21\x61"
    "\x21\x61\x21\x61\u0378\x61\x21\u0300\x21\u0300\x21\u0300\x21\u0300\x21\u0378\u0300\u0378\u0300"
    "\u0378\u0300\u0378\u0300\u0378\u0300\u0378\u0300\u0378\u0300\u0378\x61\u0378\u0300\x61\u0378"
    "\x61\u0378\x61\x21\u0378\x61\u0300\x61\u0378\x21\u0378\x61\u0378\x61\u0300\u0378\x61\u0300\x61"
    "\u0378\x61\u0378\x21\u0378\x61\x21\x61\x21\x61\u0378\x61\x21\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61\u0378\x61"
    "\u0378\x61\u0378\x61\u0378\x61\u0378\x21\u0378\u2600\u0378\u2600\u0378\u2600\u0378\u2600\u0378"
    "\u2600\u0378\u2600\u0378\x61\u2600\u0378\u2690\u2600\u0378\u2600\u0378\u2600\u0378\u2600\u0378"
    "\u2600\u0378\u2600\xad\u2600\x21\u0378\x21\u0378\x61\u0378\x21\u4e00\x21\u0378\x21\u0378\x21"
    "\u0378\x21\u0378\x21\u0378\x21\u0378\x21\u0378\x21\u0378\x21\u0378\x21\u0378\x21\xad\u0378\x21"
)

FIRST = (
    0x10000, 0x1000c, 0x1000d, 0x10027, 0x10028, 0x1003b, 0x1003c, 0x1003e, 0x1003f, 0x1004e,
    0x10050, 0x1005e, 0x10080, 0x100fb, 0x10100, 0x10103, 0x10107, 0x10134, 0x10137, 0x10140,
    0x10179, 0x1018a, 0x1018c, 0x1018f, 0x10190, 0x1019d, 0x101a0, 0x101a1, 0x101d0, 0x101fd,
    0x101fe, 0x10280, 0x1029d, 0x102a0, 0x102d1, 0x102e0, 0x102e1, 0x102fc, 0x10300, 0x10324,
    0x1032d, 0x1034b, 0x10350, 0x10376, 0x1037b, 0x10380, 0x1039e, 0x1039f, 0x103a0, 0x103c4,
    0x103c8, 0x103d0, 0x103d1, 0x103d6, 0x10400, 0x1049e, 0x104a0, 0x104aa, 0x104b0, 0x104d4,
    0x104d8, 0x104fc, 0x10500, 0x10528, 0x10530, 0x10564, 0x1056f, 0x10570, 0x10600, 0x10737,
    0x10740, 0x10756, 0x10760, 0x10768, 0x10800, 0x10806, 0x10808, 0x10809, 0x1080a, 0x10836,
    0x10837, 0x10839, 0x1083c, 0x1083d, 0x1083f, 0x10856, 0x10857, 0x10858, 0x10877, 0x10879,
    0x1089f, 0x108a7, 0x108b0, 0x108e0, 0x108f3, 0x108f4, 0x108f6, 0x108fb, 0x1091c, 0x1091f,
    0x10920, 0x1093a, 0x1093f, 0x10940, 0x10980, 0x109b8, 0x109bc, 0x109d0, 0x109d2, 0x10a01,
    0x10a04, 0x10a05, 0x10a07, 0x10a0c, 0x10a10, 0x10a14, 0x10a15, 0x10a18, 0x10a19, 0x10a36,
    0x10a38, 0x10a3b, 0x10a3f, 0x10a40, 0x10a49, 0x10a50, 0x10a59, 0x10a60, 0x10a7f, 0x10a80,
    0x10aa0, 0x10ac0, 0x10ac8, 0x10ac9, 0x10ae5, 0x10ae7, 0x10aeb, 0x10af0, 0x10af7, 0x10b00,
    0x10b36, 0x10b39, 0x10b40, 0x10b56, 0x10b58, 0x10b73, 0x10b78, 0x10b92, 0x10b99, 0x10b9d,
    0x10ba9, 0x10bb0, 0x10c00, 0x10c49, 0x10c80, 0x10cb3, 0x10cc0, 0x10cf3, 0x10cfa, 0x10d24,
    0x10d28, 0x10d30, 0x10d3a, 0x10e60, 0x10e7f, 0x10e80, 0x10eaa, 0x10eab, 0x10ead, 0x10eae,
    0x10eb0, 0x10eb2, 0x10f00, 0x10f28, 0x10f30, 0x10f46, 0x10f51, 0x10f55, 0x10f5a, 0x10fb0,
    0x10fcc, 0x10fe0, 0x10ff7, 0x11000, 0x11003, 0x11038, 0x11047, 0x1104e, 0x11052, 0x11070,
    0x1107f, 0x11083, 0x110b0, 0x110bb, 0x110bd, 0x110be, 0x110c2, 0x110cd, 0x110ce, 0x110d0,
    0x110e9, 0x110f0, 0x110fa, 0x11100, 0x11103, 0x11127, 0x11135, 0x11136, 0x11140, 0x11144,
    0x11145, 0x11147, 0x11148, 0x11150, 0x11173, 0x11174, 0x11176, 0x11177, 0x11180, 0x11183,
    0x111b3, 0x111c1, 0x111c5, 0x111c9, 0x111cd, 0x111ce, 0x111d0, 0x111db, 0x111dc, 0x111dd,
    0x111e0, 0x111e1, 0x111f5, 0x11200, 0x11212, 0x11213, 0x1122c, 0x11238, 0x1123e, 0x1123f,
    0x11280, 0x11287, 0x11288, 0x11289, 0x1128a, 0x1128e, 0x1128f, 0x1129e, 0x1129f, 0x112a9,
    0x112aa, 0x112b0, 0x112df, 0x112eb, 0x112f0, 0x112fa, 0x11300, 0x11304, 0x11305, 0x1130d,
    0x1130f, 0x11311, 0x11313, 0x11329, 0x1132a, 0x11331, 0x11332, 0x11334, 0x11335, 0x1133a,
    0x1133b, 0x1133d, 0x1133e, 0x11345, 0x11347, 0x11349, 0x1134b, 0x1134e, 0x11350, 0x11351,
    0x11357, 0x11358, 0x1135d, 0x11362, 0x11364, 0x11366, 0x1136d, 0x11370, 0x11375, 0x11400,
    0x11435, 0x11447, 0x1144b, 0x11450, 0x1145a, 0x1145c, 0x1145d, 0x1145e, 0x1145f, 0x11462,
    0x11480, 0x114b0, 0x114c4, 0x114c6, 0x114c7, 0x114c8, 0x114d0, 0x114da, 0x11580, 0x115af,
    0x115b6, 0x115b8, 0x115c1, 0x115d8, 0x115dc, 0x115de, 0x11600, 0x11630, 0x11641, 0x11644,
    0x11645, 0x11650, 0x1165a, 0x11660, 0x1166d, 0x11680, 0x116ab, 0x116b8, 0x116b9, 0x116c0,
    0x116ca, 0x11700, 0x1171b, 0x1171d, 0x1172c, 0x11730, 0x1173c, 0x11740, 0x11800, 0x1182c,
    0x1183b, 0x1183c, 0x118a0, 0x118f3, 0x118ff, 0x11907, 0x11909, 0x1190a, 0x1190c, 0x11914,
    0x11915, 0x11917, 0x11918, 0x11930, 0x11936, 0x11937, 0x11939, 0x1193b, 0x1193f, 0x11940,
    0x11941, 0x11942, 0x11944, 0x11947, 0x11950, 0x1195a, 0x119a0, 0x119a8, 0x119aa, 0x119d1,
    0x119d8, 0x119da, 0x119e1, 0x119e2, 0x119e3, 0x119e4, 0x119e5, 0x11a00, 0x11a01, 0x11a0b,
    0x11a33, 0x11a3a, 0x11a3b, 0x11a3f, 0x11a47, 0x11a48, 0x11a50, 0x11a51, 0x11a5c, 0x11a8a,
    0x11a9a, 0x11a9d, 0x11a9e, 0x11aa3, 0x11ac0, 0x11af9, 0x11c00, 0x11c09, 0x11c0a, 0x11c2f,
    0x11c37, 0x11c38, 0x11c40, 0x11c41, 0x11c46, 0x11c50, 0x11c6d, 0x11c70, 0x11c72, 0x11c90,
    0x11c92, 0x11ca8, 0x11ca9, 0x11cb7, 0x11d00, 0x11d07, 0x11d08, 0x11d0a, 0x11d0b, 0x11d31,
    0x11d37, 0x11d3a, 0x11d3b, 0x11d3c, 0x11d3e, 0x11d3f, 0x11d46, 0x11d47, 0x11d48, 0x11d50,
    0x11d5a, 0x11d60, 0x11d66, 0x11d67, 0x11d69, 0x11d6a, 0x11d8a, 0x11d8f, 0x11d90, 0x11d92,
    0x11d93, 0x11d98, 0x11d99, 0x11da0, 0x11daa, 0x11ee0, 0x11ef3, 0x11ef7, 0x11ef9, 0x11fb0,
    0x11fb1, 0x11fc0, 0x11fd5, 0x11ff2, 0x11fff, 0x12000, 0x1239a, 0x12400, 0x1246f, 0x12470,
    0x12475, 0x12480, 0x12544, 0x13000, 0x1342f, 0x13430, 0x13439, 0x14400, 0x14647, 0x16800,
    0x16a39, 0x16a40, 0x16a5f, 0x16a60, 0x16a6a, 0x16a6e, 0x16a70, 0x16ad0, 0x16aee, 0x16af0,
    0x16af5, 0x16af6, 0x16b00, 0x16b30, 0x16b37, 0x16b40, 0x16b44, 0x16b46, 0x16b50, 0x16b5a,
    0x16b5b, 0x16b62, 0x16b63, 0x16b78, 0x16b7d, 0x16b90, 0x16e40, 0x16e97, 0x16e9b, 0x16f00,
    0x16f4b, 0x16f4f, 0x16f50, 0x16f51, 0x16f88, 0x16f8f, 0x16f93, 0x16fa0, 0x16fe0, 0x16fe2,
    0x16fe3, 0x16fe4, 0x16fe5, 0x16ff0, 0x16ff2, 0x17000, 0x187f8, 0x18800, 0x18cd6, 0x18d00,
    0x18d09, 0x1b000, 0x1b002, 0x1b11f, 0x1b150, 0x1b153, 0x1b164, 0x1b168, 0x1b170, 0x1b2fc,
    0x1bc00, 0x1bc6b, 0x1bc70, 0x1bc7d, 0x1bc80, 0x1bc89, 0x1bc90, 0x1bc9a, 0x1bc9c, 0x1bc9d,
    0x1bc9f, 0x1bca0, 0x1bca4, 0x1d000, 0x1d0f6, 0x1d100, 0x1d127, 0x1d129, 0x1d165, 0x1d16a,
    0x1d16d, 0x1d173, 0x1d17b, 0x1d183, 0x1d185, 0x1d18c, 0x1d1aa, 0x1d1ae, 0x1d1e9, 0x1d200,
    0x1d242, 0x1d245, 0x1d246, 0x1d2e0, 0x1d2f4, 0x1d300, 0x1d357, 0x1d360, 0x1d379, 0x1d400,
    0x1d455, 0x1d456, 0x1d49d, 0x1d49e, 0x1d4a0, 0x1d4a2, 0x1d4a3, 0x1d4a5, 0x1d4a7, 0x1d4a9,
    0x1d4ad, 0x1d4ae, 0x1d4ba, 0x1d4bb, 0x1d4bc, 0x1d4bd, 0x1d4c4, 0x1d4c5, 0x1d506, 0x1d507,
    0x1d50b, 0x1d50d, 0x1d515, 0x1d516, 0x1d51d, 0x1d51e, 0x1d53a, 0x1d53b, 0x1d53f, 0x1d540,
    0x1d545, 0x1d546, 0x1d547, 0x1d54a, 0x1d551, 0x1d552, 0x1d6a6, 0x1d6a8, 0x1d6c1, 0x1d6c2,
    0x1d6db, 0x1d6dc, 0x1d6fb, 0x1d6fc, 0x1d715, 0x1d716, 0x1d735, 0x1d736, 0x1d74f, 0x1d750,
    0x1d76f, 0x1d770, 0x1d789, 0x1d78a, 0x1d7a9, 0x1d7aa, 0x1d7c3, 0x1d7c4, 0x1d7cc, 0x1d7ce,
    0x1d800, 0x1da00, 0x1da37, 0x1da3b, 0x1da6d, 0x1da75, 0x1da76, 0x1da84, 0x1da85, 0x1da8c,
    0x1da9b, 0x1daa0, 0x1daa1, 0x1dab0, 0x1e000, 0x1e007, 0x1e008, 0x1e019, 0x1e01b, 0x1e022,
    0x1e023, 0x1e025, 0x1e026, 0x1e02b, 0x1e100, 0x1e12d, 0x1e130, 0x1e137, 0x1e13e, 0x1e140,
    0x1e14a, 0x1e14e, 0x1e14f, 0x1e150, 0x1e2c0, 0x1e2ec, 0x1e2f0, 0x1e2fa, 0x1e2ff, 0x1e300,
    0x1e800, 0x1e8c5, 0x1e8c7, 0x1e8d0, 0x1e8d7, 0x1e900, 0x1e944, 0x1e94b, 0x1e94c, 0x1e950,
    0x1e95a, 0x1e95e, 0x1e960, 0x1ec71, 0x1ecac, 0x1ecad, 0x1ecb0, 0x1ecb1, 0x1ecb5, 0x1ed01,
    0x1ed2e, 0x1ed2f, 0x1ed3e, 0x1ee00, 0x1ee04, 0x1ee05, 0x1ee20, 0x1ee21, 0x1ee23, 0x1ee24,
    0x1ee25, 0x1ee27, 0x1ee28, 0x1ee29, 0x1ee33, 0x1ee34, 0x1ee38, 0x1ee39, 0x1ee3a, 0x1ee3b,
    0x1ee3c, 0x1ee42, 0x1ee43, 0x1ee47, 0x1ee48, 0x1ee49, 0x1ee4a, 0x1ee4b, 0x1ee4c, 0x1ee4d,
    0x1ee50, 0x1ee51, 0x1ee53, 0x1ee54, 0x1ee55, 0x1ee57, 0x1ee58, 0x1ee59, 0x1ee5a, 0x1ee5b,
    0x1ee5c, 0x1ee5d, 0x1ee5e, 0x1ee5f, 0x1ee60, 0x1ee61, 0x1ee63, 0x1ee64, 0x1ee65, 0x1ee67,
    0x1ee6b, 0x1ee6c, 0x1ee73, 0x1ee74, 0x1ee78, 0x1ee79, 0x1ee7d, 0x1ee7e, 0x1ee7f, 0x1ee80,
    0x1ee8a, 0x1ee8b, 0x1ee9c, 0x1eea1, 0x1eea4, 0x1eea5, 0x1eeaa, 0x1eeab, 0x1eebc, 0x1eef0,
    0x1eef2, 0x1f000, 0x1f02c, 0x1f030, 0x1f094, 0x1f0a0, 0x1f0af, 0x1f0b1, 0x1f0c0, 0x1f0c1,
    0x1f0d0, 0x1f0d1, 0x1f0f6, 0x1f100, 0x1f10d, 0x1f1ae, 0x1f1e6, 0x1f200, 0x1f203, 0x1f210,
    0x1f23c, 0x1f240, 0x1f249, 0x1f250, 0x1f252, 0x1f260, 0x1f266, 0x1f300, 0x1f3fb, 0x1f400,
    0x1fb00, 0x1fb93, 0x1fb94, 0x1fbcb, 0x1fbf0, 0x1fbfa, 0x1fffe, 0x20000, 0x3fffe, 0x40000,
    0x4fffe, 0x50000, 0x5fffe, 0x60000, 0x6fffe, 0x70000, 0x7fffe, 0x80000, 0x8fffe, 0x90000,
    0x9fffe, 0xa0000, 0xafffe, 0xb0000, 0xbfffe, 0xc0000, 0xcfffe, 0xd0000, 0xdfffe, 0xe0000,
    0xe1000, 0xefffe,
)  # fmt: skip
