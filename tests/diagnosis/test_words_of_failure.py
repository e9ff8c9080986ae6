"""
A line that tells of a failure is never called well, in whatever language a program or a shell writes; a line that only
has such a word, and tells of none, is no failure.

Names of signals and errors are those of glibc's and bash's own translations; CUDA's are those of its list of errors.
"""

from __future__ import annotations

import pytest

from casebook import facts, platform
from yamabiko.diagnosis import checkup, explained_log
from yamabiko.diagnosis.complaints import leaves_the_gpu, sounds_bad
from yamabiko.diagnosis.endings import ending_of
from yamabiko.findings import Finding


def first_of(log: str, on: str = "bare-ampere") -> Finding:
    seen = facts(platform(on))
    return explained_log.with_log(checkup.check_facts(seen), tuple(log.split("\n")), may_probe=False).findings[0]


def lines(table: str) -> list[str]:
    return table.strip("\n").split("\n")


LOUD = """
/v/lib/python3.12/site-packages/torch/cuda/__init__.py:829: UserWarning: Can't initialize NVML
Can't load libcublas.so.12
Can’t load libcublas.so.12
couldn't open libcudnn.so.9
wasn't able to load libcudnn.so.9
libcuda.so.1: missing
WARNING: missing symbol cudnnCreate
CUDA driver is a stub library
oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null)
OOMKilled
NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus.
GPU is lost
VRAM exhausted
device lost
incompatible driver
unsupported GPU architecture
Detected CUDA version 12.8 but driver supports 12.2
MIOpen: miopenStatusUnknown
CUBLAS_STATUS_NOT_INITIALIZED
hipErrorNoBinaryForGpu
Connection refused
the worker is not responding
model.bin is corrupt
ffmpeg: command not found
npm exited with code 1
the worker returned non-zero exit status 3
Process finished with exit code -1073741819 (0xC0000005)
INFO step 3 did not finish
GGML_ASSERT: /src/ggml.c:12: x > 0
no CUDA-capable device is detected
1 validation error for Settings
Access violation reading location
メモリが足りません
メモリ不足です
ライブラリが見つかりません
libcudnn.so.9 が見つかりませんでした
モデルを読み込めません
ドライバーが対応していません
デバイスに空き領域がありません
共有オブジェクトファイルを開けません
許可がありません
接続を拒否されました
コアダンプしました
処理が中断されました
サーバーが応答しません
显存不足
内存不足
无法加载 libcudnn
找不到指定的模块。
没有那个文件或目录
无法打开共享对象文件
权限不够
拒绝连接
连接超时
发生错误
程序崩溃了
顯示記憶體不足
無法配置記憶體
無法開啟共用物件
找不到指定的模組。
連線被拒絕
發生錯誤
메모리를 할당할 수 없습니다
메모리가 부족합니다
동적 오브젝트 파일을 열 수 없습니다
모델을 불러오지 못했습니다
허가 거부
오류가 발생했습니다
Nicht genügend Hauptspeicher verfügbar
Datei oder Verzeichnis nicht gefunden
Kann die Shared-Object-Datei nicht öffnen
Konnte libcudnn.so.9 nicht laden
Keine Berechtigung
Fehler beim Laden der Shared Libraries
Das Laden des Modells ist fehlgeschlagen
Ne peut allouer de la mémoire
Aucun fichier ou dossier de ce type
Le module spécifié est introuvable.
Impossible de charger libcudnn.so.9
échec du chargement
Mémoire insuffisante
No se pudo asignar memoria
No existe el fichero o el directorio
no se puede abrir el fichero del objeto compartido
No se encontró libcudnn.so.9
falló la carga del modelo
Memoria insuficiente
Permiso denegado
"""


@pytest.mark.parametrize("line", lines(LOUD))
def test_words_of_want_refusal_loss_and_failure_are_heard(line):
    assert first_of(line, "cpu-only-linux").severity != "info"
    assert sounds_bad(line)


CUDA = """
driver shutting down
initialization error
invalid argument
invalid device ordinal
device kernel image is invalid
mapping of buffer object failed
uncorrectable ECC error encountered
exclusive-thread device already in use by a different thread
peer access is not supported between these two devices
PTX JIT compiler library not found
shared object initialization failed
OS call failed or operation not supported on this OS
invalid resource handle
the operation cannot be performed in the present state
an illegal memory access was encountered
too many resources requested for launch
the launch timed out and was terminated
device-side assert triggered
hardware stack error
hardware stack overflow
an illegal instruction was encountered
misaligned address
operation not supported on global/shared address space
invalid program counter
unspecified launch failure
operation not permitted
operation not supported
system not yet initialized
MPS client failed to connect to the MPS control daemon or the MPS server
unknown error
"""


@pytest.mark.parametrize("line", lines(CUDA))
def test_cudas_own_names_of_errors_are_heard_alone(line):
    assert sounds_bad(line)


LEAVES = """
Device cuda requested but not available
GPU not detected
GPU not found
no usable GPU
no GPU found
whisper_backend_init_gpu: no GPU found
No CUDA devices found
No NVIDIA GPU detected
switched to CPU
Switching to the CPU
defaulting to CPU
CUDA isn't available, using CPU instead
CUDA unavailable
CUDA is disabled
device unavailable
torch.cuda.is_available() = False
cuda available: False
WARNING: Using CPU
running on CPU, this will be slow
EP CUDA skipped
CUDAExecutionProvider not in list
UserWarning: FP16 is not supported on CPU; using FP32 instead
GPUが見つかりません。CPUで実行します
CUDAが利用できません
GPUが使えないためCPUを使用します
GPUを検出できませんでした
CPUに切り替えます
未检测到 GPU，使用 CPU
找不到 CUDA
CUDA 不可用
回退到 CPU
未偵測到 GPU
改用 CPU
GPU를 찾을 수 없습니다
CPU로 전환합니다
Keine GPU gefunden
CUDA ist nicht verfügbar
Aucun GPU détecté
CUDA non disponible
No se encontró ninguna GPU
CUDA no está disponible
"""


@pytest.mark.parametrize("line", lines(LEAVES))
def test_leaving_the_gpu_is_amiss_where_there_is_one_and_well_elsewhere(line):
    assert leaves_the_gpu(line)
    assert first_of(line).severity != "info"
    assert not sounds_bad(line)


ENDS = """
SIGSEGV  Segmentation fault (core dumped)
SIGSEGV  Segmentation fault: 11
SIGSEGV  セグメンテーション違反です (コアダンプ)
SIGSEGV  Segmentation fault (コアダンプ)
SIGABRT  中止 (コアダンプ)
SIGKILL  強制終了
SIGBUS  バスエラー (コアダンプ)
SIGFPE  浮動小数点例外 (コアダンプ)
SIGTRAP  Trace/breakpoint trap
SIGTRAP  Trace/BPT trap: 5
SIGBUS  Bus error (core dumped)
SIGFPE  Floating point exception
SIGABRT  Abort trap: 6
SIGKILL  Killed: 9
SIGKILL  ./run.sh: line 3:  1234 Killed                  python app.py
SIGSEGV  段错误 (核心已转储)
SIGSEGV  段错误（吐核）
SIGABRT  已放弃 （核心已转储）
SIGKILL  已杀死
SIGILL  非法指令 （核心已转储）
SIGSEGV  程式記憶體區段錯誤 (核心已傾印)
SIGSEGV  세그멘테이션 오류 (코어 덤프됨)
SIGABRT  중지됨 (코어 덤프됨)
SIGKILL  죽었음
SIGSEGV  Speicherzugriffsfehler (Speicherabzug geschrieben)
SIGABRT  Abgebrochen (Speicherabzug geschrieben)
SIGILL  Ungültiger Maschinenbefehl (Speicherabzug geschrieben)
SIGKILL  Getötet
SIGSEGV  ./run.sh: Zeile 3:  1234 Speicherzugriffsfehler  (Speicherabzug geschrieben) python app.py
SIGSEGV  Erreur de segmentation (core dumped)
SIGSEGV  Violation de segment
SIGABRT  Abandon (core dumped)
SIGKILL  Processus arrêté
SIGSEGV  Violación de segmento (`core' generado)
SIGABRT  Abortado (`core' generado)
SIGKILL  Terminado (killed)
SIGSEGV  Errore di segmentazione (core dump creato)
SIGSEGV  Falha de segmentação (imagem do núcleo gravada)
SIGSEGV  Ошибка сегментирования (образ памяти сброшен на диск)
SIGSEGV  worker exited with code=139
SIGBUS  returncode: -7
0xC0000409  Process finished with exit code -1073740791 (0xC0000409)
0xC0000005  Process finished with exit code -1073741819 (0xC0000005)
0xC000001D  python.exe exited with 3221225501
0xC0000135  exit code 0xc0000135
"""


@pytest.mark.parametrize(("signal", "line"), [line.split("  ", 1) for line in lines(ENDS)])
def test_the_shells_own_names_of_signals_are_ends_in_any_language(signal, line):
    assert ending_of(line.strip()) == signal
    assert first_of(line).severity != "info"


NO_ENDS = """
録音を中止しますか
放弃了这个计划
Abandon all hope, ye who enter here
Er hat das Gespräch abgebrochen
INFO exit code 0
INFO exited with code 0
"""


@pytest.mark.parametrize("line", lines(NO_ENDS))
def test_a_signals_name_in_a_sentence_is_no_end(line):
    assert ending_of(line) == ""


def test_another_programs_end_in_another_language_is_not_the_engines():
    assert ending_of("./run.sh: 行 3:  1234 セグメンテーション違反です (コアダンプ) ./encoder -i x.wav") == ""
    assert ending_of("./run.sh: Zeile 3:  1234 Speicherzugriffsfehler  (Speicherabzug geschrieben) ./encoder") == ""


QUIET = """
Word Error Rate: 3.2 %
word error rate 0.032, character error rate 0.01
mean squared error: 0.004
INFO: finished, 0 errors
INFO: finished with no errors, 0 warnings
finished without errors
finished without any errors
done, no failures, no exceptions
passed: 12, failed: 0
3 succeeded, 0 failed, 0 timed out
errors=0 warnings=0
error: None
"error": null, "text": "x"
{"status": "ok", "errors": []}
exception=None crashed=False
no error
No errors found.
0 mismatches
ok, nothing failed
INFO the job did not fail
raise_on_error=True
decoding with errors='replace'
INFO error handling is enabled
INFO faulthandler enabled
INFO fault-tolerant mode
INFO failover ready
INFO using default settings
Whisper did not predict an ending timestamp, which can happen if audio is cut off in the middle of a word
Detected language 'en' with probability 0.99, but Japanese was asked
stop on error: True
exit_on_failure=False
実行するはずです
default device: cuda:0
a skilled panel of hispanic speakers
INFO faster_whisper.WhisperModel: loaded large-v3
faster_whisper.WhisperModel: loaded large-v3
INFO nemo.collections.asr.models.EncDecRNNTBPEModel: restored
missing: 0, unexpected: 0
no missing keys
exit code 0
process exited with code 0
GET /v1/models returned status 200
Ran 200 requests, returned 5 segments
エラーはありません
エラー 0 件
エラー: 0件
エラーなし
エラーなく終了しました
エラーは発生しませんでした
失敗 0 件、成功 12 件
異常なし
問題はありません
モデルの追加のダウンロードは必要ありません
変換が完了しました。12件成功、0件失敗
0件のエラー
エラー件数：0
错误数: 0
成功 12 个，失败 0 个
실패 0건
Fehler: 0
échecs : 0
The attention mask is not set and cannot be inferred from input because pad token is same as eos token.
没有错误
0 个错误
无错误
沒有錯誤
0 個錯誤
오류 없음
오류가 없습니다
Keine Fehler
ohne Fehler beendet
0 Fehler
Aucune erreur
terminé sans erreur
taux d'erreur : 3 %
sin errores
0 errores
"""


@pytest.mark.parametrize("line", lines(QUIET))
def test_a_word_of_failure_that_tells_of_none_is_well(line):
    assert first_of(line).severity == "info"


SPOKEN = """
[00:00.000 --> 00:05.000]  an ERROR happened
[00:00.000 --> 00:05.000]  FATAL was the blow.
"""


@pytest.mark.parametrize("line", lines(SPOKEN))
def test_a_capital_word_in_a_transcript_is_no_level(line):
    assert first_of(line).severity == "info"
    told = line.replace("ERROR happened", "x").replace("FATAL was", "ERROR: was")
    assert "ERROR" not in told or first_of(told).severity == "unknown", "a level is one still"


BESIDE = """
0 errors before; RuntimeError: worker gone
no errors in step 1, but step 2 failed
errors: 0, failed: 3
errors: 0 then Segmentation fault
error: None of the providers could be loaded
error: no kernel image is available for execution on the device
Failed: 0 of 3 were loaded
error: 0x80004005
Error rate computed; the worker crashed
without errors until it was killed
CUDA error: no error
died with no error message
faulthandler enabled / Fatal Python error: Aborted
default device failed
エラーはありませんでしたが、変換に失敗しました
エラー 0 件、失敗 2 件
エラー 10 件
10件失敗
エラー件数：10
失败 10 个
10 errors
没有错误，但是程序崩溃
keine Fehler, aber abgestürzt
GPU not found: RuntimeError: stop
"""


@pytest.mark.parametrize("line", lines(BESIDE))
def test_a_negation_hides_no_true_failure_beside_it(line):
    assert first_of(line).severity != "info"


def test_a_long_line_takes_no_longer_for_its_length():
    """What floods its output must not stall the doctor: the words are searched in a line's first 2000 characters."""
    assert not sounds_bad("モデル " * 100_000)
    assert not sounds_bad("no " * 100_000)
    assert not leaves_the_gpu("CUDA " * 100_000)
