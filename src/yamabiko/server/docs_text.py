"""What the page of addresses says besides the table of routes, and how it looks."""

from __future__ import annotations

from yamabiko.i18n import Text

TITLE = Text("addresses and their fields", "アドレスと項目の一覧")
OTHER = Text("日本語", "English")
INTRO = Text(
    "Everything that this server answers. The same for programs: ",
    "このサーバーが応答するアドレスの一覧です。プログラム向けの同じ内容: ",
)
KEYS = Text(
    "Where the server was given keys, send Authorization: Bearer KEY with every request but /health, /ready and this page. "
    "Forms are multipart/form-data; a name that ends in [] may come several times, and with or without the brackets.",
    "サーバーにキーが設定されていれば、/health、/ready とこのページ以外のすべての要求に Authorization: Bearer キー を付けてください。"
    "フォームは multipart/form-data です。末尾が [] の項目は複数送ることができ、[] は省いてもかまいません。",
)
EXAMPLES = Text("The examples are for a shell such as bash.", "例は bash などのシェル用です。")
NOT_IN_OPENAPI = Text(
    "The WebSocket and the Wyoming port stand on this page alone: OpenAPI has no words for them.",
    "WebSocket と Wyoming のポートは OpenAPI では表せないため、このページにだけ載っています。",
)
ERRORS = Text("Errors", "エラー")
ERRORS_TOLD = Text(
    "Every error of every address has OpenAI's envelope. param names the field that is meant; code is OpenAI's word where it "
    "has one, else the finding's id. The whole finding stands under yamabiko: cause, evidence, and remedies, cheapest first. "
    "The header x-yamabiko-finding has its id, and yamabiko doctor --explain ID the article on it. After a 429 or 503, "
    "Retry-After says in how many seconds to come again.",
    "エラーはどのアドレスでも OpenAI と同じ形で返ります。param は問題の項目、"
    "code は OpenAI に該当する語があればその語、なければ指摘の ID です。"
    "yamabiko には、原因・根拠・対処（負担の小さい順）を含む指摘の全体が入ります。"
    "ヘッダー x-yamabiko-finding にも ID があり、yamabiko doctor --explain ID で解説を読めます。"
    "429 と 503 では、Retry-After の秒数だけ待ってからやり直してください。",
)
HEADERS = Text("Headers of answers to recordings", "録音への応答に付くヘッダー")
WYOMING = Text("Wyoming, for Home Assistant", "Wyoming（Home Assistant 用）")
WYOMING_TOLD = Text(
    "Speech to text in the Wyoming protocol, on a TCP port of its own; it is off unless the server is started so:",
    "Wyoming プロトコルで音声を文字起こしします。専用の TCP ポートを使い、次のように起動したときだけ有効です。",
)
WYOMING_MORE = Text(
    "It answers describe with info, and transcribe (name, language, transcript_names, transcript_terms), audio-start, "
    "audio-chunk and audio-stop with transcript-start, transcript-chunk, transcript and transcript-stop; ping with pong; what "
    "goes wrong is an error with text and code. The protocol has no keys: open it only in a network of your own.",
    "describe には info を返します。transcribe（name、language、transcript_names、transcript_terms）と audio-start、audio-chunk、"
    "audio-stop には transcript-start、transcript-chunk、transcript、transcript-stop を返し、ping には pong を返します。"
    "問題があれば text と code を持つ error を返します。プロトコルにキーの仕組みがないため、信頼できるネットワークでだけ使ってください。",
)
COLUMNS = (Text("name", "名前"), Text("type", "型"), Text("default", "既定値"), Text("meaning", "説明"))
REQUIRED = Text("required", "必須")
ONE_OF_TWO = Text("this or path", "これか path のどちらか")
PLACES = {
    "path": Text("in the address", "アドレス内"),
    "query": Text("query", "クエリー"),
    "header": Text("header", "ヘッダー"),
    "form": Text("form", "フォーム"),
    "query or form": Text("query or form", "クエリーかフォーム"),
    "body": Text("JSON", "JSON"),
}
TYPES = {
    "string": Text("text", "文字列"),
    "number": Text("number", "数値"),
    "integer": Text("whole number", "整数"),
    "boolean": Text("true, false", "true、false"),
    "object": Text("object", "オブジェクト"),
    "null": Text("null", "null"),
    "file": Text("file", "ファイル"),
}
SEVERAL = Text("several", "複数可")
OR_MORE = Text("{} or more", "{} 以上")

STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --soft: #57606a; --line: #d4d9df; --page: #fff; --box: #f5f7f9;
  --link: #0a58ca; --get: #0b6b3a; --post: #8a4b00; --other: #6b2fa0 }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe3e8; --soft: #9aa4af; --line: #363d46; --page: #14171b;
  --box: #1d2127; --link: #7db3ff; --get: #6fd39b; --post: #f0b35e; --other: #caa0f0 } }
* { box-sizing: border-box }
body { font: 16px/1.6 system-ui, "Hiragino Sans", "Yu Gothic UI", Meiryo, "Noto Sans JP", sans-serif; color: var(--ink);
  background: var(--page); max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere }
a { color: var(--link) }
code, pre { font: 0.92em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono CJK JP", monospace }
pre { background: var(--box); border: 1px solid var(--line); border-radius: 6px; padding: .6rem .8rem; white-space: pre-wrap }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: .5rem 1.5rem }
h1 { font-size: 1.5rem; margin: 0 } h1 small { font-weight: normal; color: var(--soft) }
h2 { font-size: 1.25rem; border-bottom: 1px solid var(--line); margin: 2.8rem 0 0 }
h3 { font-size: 1.02rem; margin: 2rem 0 .2rem; scroll-margin-top: 1rem } h3 code { font-weight: 600 }
p { margin: .4rem 0 .7rem }
b.m { display: inline-block; min-width: 4.2em; font: 700 .82em ui-monospace, Menlo, Consolas, monospace; color: var(--other) }
b.GET { color: var(--get) } b.POST { color: var(--post) }
nav { columns: 19rem; column-gap: 2rem; font-size: .92rem } nav > * { break-inside: avoid }
nav ul { list-style: none; margin: .1rem 0 .6rem; padding: 0 } nav a { text-decoration: none } nav strong { color: var(--soft) }
table { border-collapse: collapse; width: 100%; font-size: .92rem; margin: .3rem 0 .8rem }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .8rem .3rem 0; vertical-align: top }
td:nth-child(1) { width: 27% } table.f td:nth-child(2) { width: 21% } table.f td:nth-child(3) { width: 12% }
td small { color: var(--soft); display: block } em { font-style: normal; color: var(--post) }
@media (max-width: 42rem) {
  table, thead, tbody, tr { display: block } th + th { display: none } th, thead tr { border: 0; padding: 0 }
  tr { border-bottom: 1px solid var(--line); padding: .45rem 0 }
  td { display: inline; border: 0; padding: 0 .7em 0 0 } td:last-child { display: block } td small { display: inline } }
"""
