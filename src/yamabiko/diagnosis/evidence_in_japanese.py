"""Lines of evidence in which more than the label is ours, as they are said in Japanese. What was seen stays as it is."""

from __future__ import annotations

import re

_A_PATH = r"((?:[/~.]|[A-Za-z]:).*):"
_SAID = (
    # the run
    (r"log: no word of an error in the newest (\d+) lines", r"ログ: 新しいほうから\1行に、エラーらしい語はありません"),
    (r"table: driver ([\d.]+)(.*)", r"対応表: ドライバー \1\2"),
    (r"this machine: no (NVIDIA |AMD |)GPU", r"このマシン: \1GPUなし"),
    (r"this machine: no NVIDIA or AMD GPU", "このマシン: NVIDIA や AMD のGPUなし"),
    (
        r"engine: the loaded model has the languages (.+) and no others",
        r"エンジン: 読み込んだモデルの対応言語は \1 だけ",
    ),
    (r"engine: chunks without text: (\d+)", r"エンジン: 文字のない区間 \1"),
    (r"engine: loaded as (\S+) on (\S+)", r"エンジン: \2 に \1 として読み込み済み"),
    (r"catalogue: the model has the languages (.+) and no others", r"一覧: このモデルの対応言語は \1 だけ"),
    (r"worker memory: (\d+) MiB of (\d+) allowed", r"ワーカーのメモリ: \1 MiB（上限 \2 MiB）"),
    (r"script: none; it says how much audio it was given", "台本: なし（受け取った音声の長さだけを書きます）"),
    (r"card: (\S+) runs on (.+)", r"定義: \1 が動くデバイスは \2"),
    (r"server: starting", "サーバー: 起動中"),
    (r"server: (\d+) of (\d+)", r"サーバー: 上限 \2 件のうち \1 件"),
    (r"form: fields (.+)", r"フォーム: フィールド \1"),
    (r"model: (\S+) of (\S+) is not here", r"モデル: \2 の \1 がありません"),
    # the machine
    (r"container: (\S+) \((/\S+) is there\)", r"コンテナー: \1（\2 あり）"),
    (r"container: (\S+) \((\S+) is set\)", r"コンテナー: \1（\2 設定あり）"),
    (r"container: (\S+) \((/\S+) names (\S+)\)", r"コンテナー: \1（\2 に \3 の記載）"),
    # devices
    (
        r"device-files: no GPU device file is open in the worker",
        "デバイスファイル: ワーカーはGPUのデバイスファイルを開いていません",
    ),
    (
        r"device-files: no GPU device file is open in the worker but /dev/nvidiactl, which a question for the device count opens",
        "デバイスファイル: ワーカーが開いているのは /dev/nvidiactl だけで、これは台数の確認だけでも開かれます",
    ),
    (
        r"device-files: open: (.+) \(counting devices opens them too\)",
        r"デバイスファイル: 使用中 \1（台数の確認だけでも開かれます）",
    ),
    (r"libraries: no GPU library is mapped", "ライブラリー: GPU用のものは読み込まれていません"),
    (r"libraries: mapped: (.+)", r"ライブラリー: 読み込み済み \1"),
    (
        r"cpu-time: ([\d.]+) s of processor time in ([\d.]+) s \(([\d.]+) cores\)",
        r"CPU時間: \2 秒間に \1 秒（\3 コア分）",
    ),
    (r"device-memory: unavailable, because (.+)", r"GPUメモリ: 取得できません（\1）"),
    (
        r"introspection: onnxruntime providers of each session: (.+)",
        r"エンジンの申告: onnxruntime の各セッションのプロバイダー: \1",
    ),
    (r"introspection: (.+)", r"エンジンの申告: \1"),
    (r"last-words: (.+)", r"ライブラリーの出力: \1"),
    (r"loader: there is no libcuda\.so\.1", "ローダー: libcuda.so.1 がありません"),
    (r"/dev: no nvidia0, no nvidiactl(.*)", r"/dev: nvidia0 も nvidiactl もありません\1"),
    (r"/sys/bus/pci/devices: vendors (.+) \(NVIDIA is (\w+)\)", r"/sys/bus/pci/devices: ベンダー \1（NVIDIA は \2）"),
    # models
    (r"catalogue: (\S+) is (\S+); the engine reads (\S+)", r"一覧: \1 は \2 形式、エンジンが読めるのは \3 形式"),
    (
        rf"{_A_PATH} begins with ([0-9a-f ]*), (\S+) with ([0-9a-f ]+)",
        r"\1: 先頭のバイトは \2（\3 形式は \4）",
    ),
    (rf"{_A_PATH} pickled objects", r"\1: pickle のオブジェクトを含む"),
    (rf"{_A_PATH} expected sha256 (\w+), found (\w+)", r"\1: 本来の sha256 は \2、実際は \3"),
    (
        r"asked: --compute_type (\S+), so no other precision is taken",
        r"指定: --compute_type \1 のため、ほかの精度には替えません",
    ),
    (r"asked: --no-install, so nothing is fetched", "指定: --no-install のため、取得しません"),
    (r"(.+): not asked: (\S+) or (\S+) is set", r"\1: \2 か \3 が設定されているため、問い合わせていません"),
    (r"(.+): not asked: nothing may be fetched", r"\1: 取得しない指定のため、問い合わせていません"),
    # recordings
    (r"recording: (.+): its journal is held by another process", r"録音: \1 の記録は別のプロセスが使用中"),
    (r"looked in: (.+) \(not in its subfolders\)", r"探した場所: \1（サブフォルダーは除く）"),
    (r"system: size 0 bytes", "システム: 大きさは 0 バイト"),
    (r"file: begins with (.+)", r"ファイル: 先頭は \1"),
    (r"speech finder: speech without text at (.+)", r"話し声の検出: 文字のない話し声 \1"),
    (r"speech finder: no speech in ([\d.]+) s", r"話し声の検出: \1 秒の中に話し声なし"),
    (
        r"file: (\d+) bytes after the end by the header, WAV files: (\d+), ([\d.]+) s",
        r"ファイル: ヘッダーが示す終わりの後に \1 バイト、WAVファイル \2 本、\3 秒",
    ),
    (
        r"file: (\d+) bytes after the end by the header, data that are no tag",
        r"ファイル: ヘッダーが示す終わりの後に \1 バイト、タグではないデータ",
    ),
    (r"decoder: (\d+) gaps?, ([\d.]+) s", r"デコーダー: 欠落 \1 か所、計 \2 秒"),
    (r"decoder: (\d+) errors?", r"デコーダー: エラー \1 件"),
    (r"decoder: (\d+) values? not finite", r"デコーダー: 有限でない値 \1 個"),
    (r"decoder: scaled by 1/(\d+)", r"デコーダー: 1/\1 倍に縮小"),
    (r"decoder: (\d+) audio streams, used stream (\d+)", r"デコーダー: 音声ストリーム \1 本のうち \2 番を使用"),
    (
        r"decoder: ([\d.]+) s by the file's header, ([\d.]+) s decoded",
        r"デコーダー: ヘッダーでは \1 秒、デコードできたのは \2 秒",
    ),
    (r"decoder: memory ran out at the limit of (\d+) bytes", r"デコーダー: メモリが上限の \1 バイトに達しました"),
    (r"decoder: ([\d.]+) s decoded, and more to come", r"デコーダー: \1 秒までデコードし、まだ続きがあります"),
)
SAID = tuple((re.compile(pattern), japanese) for pattern, japanese in _SAID)
