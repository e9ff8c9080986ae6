"""
Which lines complain: words of want, refusal, loss, failure and death, in the languages that programs and shells write.

A word of failure alone is no failure: `0 errors`, `error: None` and `word error rate` are taken away first, and nothing
else of the line with them. That the CPU is taken instead of a GPU is told apart: where there is no GPU it is well.

The words are those of glibc's, bash's and Windows' own translations, of CUDA's list of errors, and of libraries.
"""

from __future__ import annotations

import re

from yamabiko.diagnosis.literals import alternatives

_LONGEST = 2_000
"""Characters; what floods its output must not stall us."""

# All but names of exceptions are searched in lower case: a third of the time that ignoring case takes.
_ENGLISH = (
    r"(?<!\bt)error(?!-free)|(?<!x)fail|exception(?!al)|traceback|abort|(?<!de)fault|(?<![a-z])fatal|crash|denied|not found|cannot"
    r"|could ?n[o'’]t"
    r"|could not|can['’]t|(?:was|were|is|are) ?n['’]t able|\bunable|(?<!s)killed|(?<!his)panic|(?<![a-z])assert(?!ive)|\bviolation"
    r"|\bdid(?: not|n['’]t) (?:finish|complete|start|load|respond|return|work|succeed|find|open|initiali|terminate|connect)"
    r"|core dumped|out of memory|bad_alloc|\billegal|mismatch|undefined symbol|no such (?:file|dev)|timed out|not in available"
    r"|\bmissing\b|\binvalid|\bincompatib|\bcorrupt|\brefused|\bexhausted|\bdeadlock|not responding|unresponsive|misaligned"
    r"|does(?: not|n['’]t) exist|no module named|unrecogni[sz]ed (?:arg|opt|com)|unknown (?:opt|arg|com|model|dev|prov)"
    r"|oom[-_ ]?kill|oomkilled|\bxid\b|fallen off|\b(?:gpu|device|connection|context|worker) (?:is |was |has been )?lost\b"
    r"|lost (?:the )?(?:gpu|device|connection)|terminate called|terminated (?:by|with) sig|terminated unexpectedly"
    r"|stub library|driver (?:is )?shutting down|stack overflow|buffer overflow|hardware stack|uncorrectable|busy or unavailable"
    r"|resource temporarily unavailable|already in use|too many (?:resources|open files|blocks)|compiler library"
    r"|cannot be performed|is insufficient|insufficient|not enough|no space left|not permitted|not allowed|not yet initialized"
    r"|no \S+-capable device|initialized? \S{0,12} ?fail|exceed(?:s|ed) (?:the )?(?:quota|limit|memory)"
    r"|unsupported (?:\w+ ){0,2}(?:display|toolchain|gpu|arch\w*|device|driver|hardware|hw|limit|version|format|codec|model|op\w*)"
    r"|\b(?:operation|peer access|api call|gpus?|devices?|driver|hardware|hw|arch\w*|toolchain|compute[_ ]type|version|format"
    r"|codec|limit)\b[^.;\n]{0,40}\b(?:not|non|isn['’]t|aren['’]t) supported|\bnon supported (?:hw|hardware)"
    r"|not supported in the installed|\bversion\b.{1,40}\bbut\b|but (?:the |your )?driver (?:only )?supports"
    r"|\bexpected\b.{1,60}\bbut (?:got|found)\b"
    r"|(?:lib\w+\S*|\.so[.\d]*|\.dll|driver|runtime|toolkit) (?:is |are )?not (?:available|installed|loaded|present|loadable)"
    r"|exit(?:ed)?(?: with)?(?: (?:code|status))?[:= ]+(?:code=)?-?[1-9]\d{0,10}\b|return ?code[:= ]+-?[1-9]|non-zero exit"
    r"|0xc0000[0-9a-f]{3}\b"
    r"|(?:cublas|cudnn|cufft|cusparse|cusolver|nvrtc|hip|hipblas|rocblas|miopen)_?status_?(?!_?success)[a-z]"
)
_JAPANESE_THINGS = (
    r"(?:gpu|cuda|cudnn|cublas|dll|メモリー?|ライブラリー?|モジュール|ファイル|フォルダー?|ディレクトリー?|ドライバー?|デバイス|モデル"
    r"|パッケージ|プロバイダー?|接続|通信|権限|許可|領域|容量|空き|コマンド|関数|シンボル|初期化|読み込み|ロード|起動|実行|割り当て"
    r"|確保|検出|認識|変換|書き込み|保存|開始|続行|処理|アクセス|ポート|サーバー?|プロセス|ワーカー|エンジン|形式|バージョン|音声|引数"
    r"|環境)"
)
_JAPANESE_VERBS = (
    r"(?:でき|出来|(?:見つか|足|開け|読め|読み込め|使え|届か|つなが|繋が|動か|が?あ)(?:り|ら)?|(?:され|られ)(?:て(?:い)?)?"
    r"|(?:存在|動作|応答|起動|機能|一致|反応|対応|認識)(?:し|して(?:い)?))"
)
_JAPANESE_NEGATIONS = (("ません", ""), ("なかった", "|が|は"), ("ない", "|が|は"), ("無い", "|が|は"), ("ず", ""))
_JAPANESE = (
    r"エラー|失敗|例外|異常|強制終了|メモリー?不足|不足(?:し|で)|違反|中断(?:さ|し)|中止(?:さ|し)|破損|壊れ|拒否|切断さ|クラッシュ"
    r"|ハングアップ"
    r"|応答なし|タイムアウト|時間切れ|致命的|コアダンプ|不一致|無効な|不正な|不明な|間違った|未対応の|使用不可|利用不可|枯渇|超過|ビジー"
)
_CHINESE = (
    r"错误|錯誤|失败|失敗|异常|崩溃|崩潰|當機|无法|無法|未能|找不到|未找到|不足|不存在|没有那个|沒有此|拒绝|拒絕|超时|逾時|超過時間"
    r"|权限不够|權限不足|连接被|連線被|已杀死|已砍掉|段错误|已转储|已傾印|吐核|损坏|損毀|丢失|遺失|缺少|缺失|不支持的|不支援的|不兼容"
    r"|不相容|溢出|溢位|致命|无效的|無效|不允许|不允許|没有空间|空间不足|已無多餘空間|过多|出错|报错"
)
_KOREAN = (
    r"오류|에러|실패|예외|(?:찾|열|할당할|읽을|불러올|사용할|연결할|실행할) ?을? ?수 없|수 없습니다|지 못했|없습니다|부족|거부|손상"
    r"|시간 ?초과|초과됨|지원(?:되|하)지 않|누락|잘못|부적절|강제 ?종료|죽었음|중단됨|덤프됨|세그멘테이션|공간이 없"
)
_EUROPEAN = (
    r"fehler|fehlgeschlagen|gescheitert|\bnicht (?:gefunden|möglich|unterstützt|geladen|genügend|genug|erlaubt|öffnen|laden|initialis"
    r"|erkannt|erreichbar)|\b(?:konnte|kann|können|konnten)\b.{1,60}\bnicht\b|keine? berechtigung|kein \w*speicher|zu wenig"
    r"|abgestürzt|absturz|speicherabzug|ungültig|\bfehlt\b|\bfehlende|verweigert|beschädigt|abgelehnt|abgelaufen|überschritten|getötet"
    r"|erreur|échec|échou|impossible|introuvable|n['’]a pas pu|\bne peut\b|n['’]existe pas|\baucun (?:fichier|espace|module)"
    r"|insuffisant|épuisé|manquant|refusée?\b|non accordé|non permise|\binvalide|débordement|violation de"
    r"|\bfall(?:ó|a|o) |fallid|no se (?:pudo|puede|pued|encontr|ha podido|reconoc)|no existe|no encontrad|no compatible|no queda"
    r"|violación|core' generado|insuficiente|agotad|inválid|denegad|dañad|rehusada|expiró|no permitida|excedido"
    r"|\berrore|impossibile|\berro\b|falha|não (?:foi|é) possível|ошибк|не удалось|невозможно|отказано|недопустим"
)


_COMPLAINTS = alternatives(f"{_ENGLISH}|{_EUROPEAN}")
_COMPLAINTS_BEYOND_LATIN = (
    *alternatives(f"{_JAPANESE}|{_CHINESE}|{_KOREAN}"),
    *(
        (no, re.compile(rf"{_JAPANESE_THINGS}[^。、\n]{{0,16}}?(?:{_JAPANESE_VERBS}{be}){no}"))
        for no, be in _JAPANESE_NEGATIONS
    ),
)
_AN_EXCEPTIONS_NAME = re.compile(
    r"(?:^|\s)(?:[a-z_]\w*\.)+(?:[A-Z]\w*?)?(?:No(?:t|Such)?[A-Z]|Un(?:known|supported|available)|Bad[A-Z]|Timeout|Exceeded|Expired"
    r"|Disconnected|Cancelled|Interrupt|Exit|Overflow|OutOfMemory)\w*:\s"
)
"""Where it ends in neither Error nor Exception: huggingface_hub.NotLoggedIn: ... A logger is named as a class may be."""

_ENDED = r"(?=\s*(?:$|[,;.)\]}|/、。]|\w+\s*[:=]|and\b))"
_NONE = rf"['\"]?\s*[:：=]\s*(?:0(?:\.0+)?\s*[件个個건%]?|none|null|nil|false|no|なし|无|無|없음|\[\]|\{{\}}|\"\"|''){_ENDED}"
_NOUNS = r"(?:errors?|failures?|exceptions?|crash(?:es)?|faults?|mismatch(?:es)?|missing|invalid|aborts?|timed out|failed|killed)"
_HARMLESS = re.compile(
    r"\b(?:\w+[_ ])?(?:errors?|failed|failures?|exceptions?|crashed|aborted|killed|missing|mismatch(?:es)?|invalid|失敗|エラー|例外"
    rf"|错误|錯誤|失败|오류|fehler|fehlgeschlagen|erreurs?|échecs?|errores|fallos?){_NONE}"
    rf"|(?<![\d.,])\b(?:0|no|zero|without(?: any)?|free of) (?:(?:fatal|critical|other|further|unexpected|cuda|new) )?{_NOUNS}\b"
    r"(?! (?:message|output|text|log|handler)|[ -]capable)(?: (?:keys?|values?|lines?|files?))?"
    r"|\bnothing (?:\w+ )?(?:failed|missing|crashed)|\bno longer (?:fails?|crashes|aborts?)"
    r"|\b(?:did|does|do|has|have|was|were|is|are)(?: not|n['’]t) (?:failed|fail|crash(?:ed)?|abort(?:ed)?|killed|corrupt(?:ed)?|invalid"
    r"|missing)\b|\b(?:word|character|phoneme|diarization|squared|absolute|percentage|quantization|rounding)[- ]errors?\b"
    r"|\berror[- ](?:rates?|bars?|correct\w*|handl(?:ing|ers?)|margin|tolerance|reporting)\b"
    r"|\berrors=['\"]?(?:ignore|replace|strict|surrogateescape|backslashreplace)"
    r"|\b(?:raise|ignore|stop|exit|retry|abort|fail)[-_ ]on[-_ ](?:errors?|failures?|exceptions?|missing)\b"
    r"|\bfault[- ]?(?:handler|toleran\w+)|\bfail(?:[- ]?over|[- ]?safe)|decoder +\d+: failed due to"
    r"|(?:エラー|失敗|異常|例外|問題|不足|変更|必要|心配)(?:は|が|も)?\s*(?:なし|なく|無し|ゼロ|0\s*件|ありません(?!でした(?:が|けど))"
    r"|ない(?!まま)|発生し(?:ていません|ませんでした)|検出されません(?:でした)?|ありませんでした)"
    r"|(?<![\d.])0\s*件の?(?:エラー|失敗|例外)|(?:エラー|失敗|例外|错误|錯誤|失败|오류|실패)\s?(?:数|数量|件数|數)?\s*[:：]?\s*0\s*[件个個개건](?!\w)"
    r"|(?:エラー|失敗|错误|錯誤|失败)(?:件数|数量?|數)\s*[:：=]\s*0(?![\d.])|cannot be inferred from input|triton not found; flop counting"
    r"|(?:没有|沒有|无|無|未发现|未發現|(?<!\d)0 ?[个個])(?:任何)?(?:错误|錯誤|异常|異常|失败|失敗)"
    r"|(?:오류|에러|실패|문제|필요)(?:가|는|이)? ?(?:없음|없습니다|없이)|(?<!\d)0 ?건"
    r"|(?:\bkeine|\bohne|(?<![\d.,])\b0) (?:\w+ )?fehler\b|fehlerfrei|fehlerrate|wortfehler\w*"
    r"|(?:\baucune|\bsans|pas d['’]|(?<![\d.,])\b0) ?erreurs?|taux d['’]erreur"
    r"|(?:\bsin|\bning[uú]n|no hay|(?<![\d.,])\b0) error(?:es)?|tasa de error",
)

_NAMES_AND_COUNTS = re.compile(
    # What files, addresses, options and functions are called tells of nothing; nor does an answer that a client was given.
    r"http/[\d.]+\"? [1-4]\d\d(?: [a-z][a-z ]*)?"
    r"|(?<![\w/])[\w.+~%@:-]*[/\\][\w.+~%@:/\\?=&-]*"
    r"|(?<!\S)--?[a-z][\w-]*(?:=\w+)?"
    r"|\b(?:test|on|is|has|handle|max|num|n|raise|ignore|log|print|show|get|set|check|no|lib|cl)[_-](?:[a-z0-9]+[_-])*"
    r"(?:errors?|fail\w*|exceptions?|aborts?|faults?|crash\w*|segfault|invalid|missing|out_of_memory|oom)(?:[_-][a-z0-9]+)*\b"
    r"|\b(?:errors?|fail\w*|exceptions?|aborts?|faults?|crash\w*)[_-](?:count|counts|total|rate|log|handler|handling|pages?|policy|budget)\b"
    r"|\b(?:errors?|fail\w*|exceptions?)\.(?:log|h|hpp|c|cc|cpp|py|html?|txt|dir|o|js|ts|rs|go)\b|\bexceptiongroup\b"
    r"|\blooking for \S+(?: in \S+)? - not found|\bperforming test \S+ - failed"
    r"|(?<![\d.,])\b(?:0|no|zero) (?:\w+ ){1,2}(?:failed|failures?|errors?)\b"
    r"|(?:エラー|失敗|例外)率|(?:失敗|エラー|例外)(?:した|の)?[^\s\d。、:：]{0,8}\s*[:：]?\s*0(?![\d.])\s*(?:件|個|回|%)?",
)

_GPU = r"(?:cuda|gpu|rocm|hip|vulkan|metal|mps|directml|tensorrt|migraphx)(?:s\b|\(s\)|executionprovider)?"
_NOT_THERE = r"(?:available|detected|found|visible|usable|present|enabled|accessible|working|reachable|in (?:the )?list|in available)"
_TO_THE_CPU = r"(?:to|on|onto|for) (?:the )?(?:device )?['\"\[]*cpu"
_LEAVES = (
    rf"(?:fall(?:s|ing|en)?|fell)[ -]?back (?:\w+ )?{_TO_THE_CPU}"
    rf"|\b(?:switch|default|revert|mov|chang|downgrad|resort|retry|retri)\w* (?:back )?(?:it )?{_TO_THE_CPU}"
    r"|\bcpu instead\b|instead of (?:the )?(?:gpu|cuda)|fp16 is not supported on (?:the )?cpu"
    rf"|\b{_GPU}['\"]?(?: (?:device|support|acceleration|backend|build|toolkit|runtime)s?)?(?: (?:is|are|was|were))?"
    rf"(?: (?:requested|specified|selected|asked for|wanted)\b[ ,]*)?(?:(?:but|currently) )?(?:(?:is|are) )?"
    rf" ?(?:not|n['’]t|isn['’]t|aren['’]t|wasn['’]t)(?: been)? {_NOT_THERE}"
    rf"|\b(?:{_GPU}|device)['\"]?(?: \w+)?(?: (?:is|are))? (?:unavailable|disabled|inaccessible|skipped)"
    r"|\bno (?:\w+ ){0,2}?(?:gpus?|cuda)\b(?!-capable| (?:memory|layers?|error))(?: (?:devices?|gpus?))?(?: (?:is|are|was|were))?"
    r"(?: (?:found|detected|available|visible))?"
    rf"|(?:cuda|gpu)[._ ]?(?:is_)?available(?:\(\))?\s*[:=]*\s*(?:false|no\b|0\b)"
    r"|\bwarn\w*\W.{0,40}\b(?:using|on|to) (?:the )?cpu\b|\bon (?:the )?cpu\b.{0,40}\bslow"
    rf"|{_GPU}[^。\n]{{0,16}}?(?:見つか(?:り|ら)|検出(?:され|でき)|(?:利用|使用)(?:でき|出来)|使え)(?:ません|ない|ず)(?:でした)?"
    rf"|{_GPU}\s*(?:が|は)(?:ありません|ない)|{_GPU}\s?(?:が|は|:)?\s?(?:無効|未検出|非対応)"
    r"|cpu\s?(?:に|へ)(?:フォールバック|切り替え|切替|変更)|代わりに\s?cpu"
    rf"|(?:未检测到|未檢測到|未偵測到|找不到|未找到|未发现|没有(?:可用的?|找到)?|沒有(?:可用的?|找到)?)\s*(?:可用的?\s*)?(?:{_GPU}"
    r"|显卡|顯示卡)"
    rf"|{_GPU}\s*(?:不可用|未启用|未啟用|无法使用|無法使用)|(?:回退|退回|切换|切換|改用|降级|降級)(?:到|至|为|為|使用)?\s*cpu"
    rf"|{_GPU}\S?\s*(?:찾을|사용할|감지할) 수 없(?:습니다)?|cpu로 (?:전환|대체)"
    rf"|\bkeine? (?:\w+ )?{_GPU}(?: gefunden)?|{_GPU}(?: \w+)? nicht (?:verfügbar|gefunden|erkannt)"
    rf"|\b(?:aucune?|pas de) (?:\w+ )?{_GPU}|{_GPU}(?: est)? (?:introuvable|indisponible|non (?:disponible|détectée?|trouvée?))"
    rf"|no se (?:encontr|detect)ó (?:ninguna? )?(?:\w+ )?{_GPU}|\b(?:ning[uú]na?|no hay) {_GPU}|{_GPU} no (?:está )?"
    r"(?:disponible|encontrad|detectad)\w*"
)
_LEAVES_THE_GPU = re.compile(_LEAVES)


_TELLS_OF_DEVICES = (
    "cpu", "gpu", "cuda", "rocm", "hip", "vulkan", "metal", "mps", "directml", "tensorrt", "migraphx", "device", "显卡", "顯示卡",
)  # fmt: skip
"""Without one of these no words of leaving the GPU can be there."""


def sounds_bad(line: str) -> bool:
    """Whether it has a word of failure, whatever has failed; not where it only leaves the GPU."""
    shown = line[:_LONGEST]
    low = shown.lower()
    return (_complains(low) and _complains(_without_what_tells_nothing(low))) or (
        ": " in shown and _AN_EXCEPTIONS_NAME.search(shown) is not None
    )


def _without_what_tells_nothing(low: str) -> str:
    return _NAMES_AND_COUNTS.sub(" ", _HARMLESS.sub(" ", _LEAVES_THE_GPU.sub(" ", low)))


def leaves_the_gpu(line: str) -> bool:
    """Whether it tells that the CPU is taken instead: amiss where there is a GPU, and well where there is none."""
    low = line[:_LONGEST].lower()
    return any(one in low for one in _TELLS_OF_DEVICES) and _LEAVES_THE_GPU.search(low) is not None


def _complains(low: str) -> bool:
    # Plain loops: this is asked of every line, and a generator takes twice their time.
    for text, pattern in _COMPLAINTS:
        if text in low and pattern.search(low):
            return True
    if not low.isascii():
        for text, pattern in _COMPLAINTS_BEYOND_LATIN:
            if text in low and pattern.search(low):
                return True
    return False
