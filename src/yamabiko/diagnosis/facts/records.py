"""
What a machine shows, as records: the doctor's checks see nothing else.

Each fact is a value, or `Unavailable` with the reason; an empty tuple means
"looked, and there is none". A file of facts replays the checks on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

from yamabiko.shadows import Shadow

FORMAT = 1
"""Of a saved file. Readers ignore what they do not know, so it grows only when a field changes its meaning."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A fact that could not be had."""

    because: str

    def __str__(self) -> str:
        return f"unavailable, because {self.because}"


NOT_LOOKED = Unavailable("nobody looked")


@dataclass(frozen=True, slots=True)
class System:
    name: str
    """As `sys.platform`: linux, darwin, win32."""
    machine: str = "x86_64"
    release: str | Unavailable = NOT_LOOKED
    """Of the kernel."""
    distribution: str | Unavailable = NOT_LOOKED
    glibc: str | Unavailable = NOT_LOOKED
    """`2.39`; unavailable where the C library is another."""
    glibcxx: str | Unavailable = NOT_LOOKED
    """Newest GLIBCXX that the system's libstdc++ has: `3.4.33`."""
    python: str = ""


@dataclass(frozen=True, slots=True)
class Wsl:
    version: int
    """1 or 2."""
    dxg: bool
    """/dev/dxg, the only way from WSL to a GPU, is there."""
    package: str | Unavailable = NOT_LOOKED
    """Version of WSL itself, `2.7.0`."""


@dataclass(frozen=True, slots=True)
class Container:
    kind: str
    """docker, podman, kubernetes, lxc, or `some`."""
    evidence: str


@dataclass(frozen=True, slots=True)
class Cpu:
    model: str | Unavailable = NOT_LOOKED
    count: int = 1
    usable: int = 1
    """What this process may run on."""
    quota: float | Unavailable | None = None
    """Processors that the cgroup grants; None: no limit."""
    flags: tuple[str, ...] | Unavailable = NOT_LOOKED
    """Of those that matter to engines: sse4_1, avx, avx2, fma, f16c, bmi2, avx512f ..."""


@dataclass(frozen=True, slots=True)
class Memory:
    total_bytes: int | Unavailable = NOT_LOOKED
    available_bytes: int | Unavailable = NOT_LOOKED
    limit_bytes: int | Unavailable | None = None
    """Of the cgroup; None: no limit."""


@dataclass(frozen=True, slots=True)
class Disk:
    what: str
    """What of ours is kept there: data, cache, state."""
    path: str
    free_bytes: int | Unavailable
    total_bytes: int | Unavailable
    writable: bool = True
    reserve_bytes: int = 0
    """With less than this free nothing is begun: the setting `free_disk_bytes`."""
    refused: str = ""
    """Why it is not: EROFS, EACCES, ENOTDIR, or `no files`, of a file system that holds none."""
    there: str = ""
    """The nearest folder, or file, above it that exists: what was looked at."""


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    name: str
    capability: str | Unavailable = NOT_LOOKED
    """Compute capability, `8.9`. Only the driver knows it, so it takes a probe."""
    memory_bytes: int | Unavailable = NOT_LOOKED
    free_bytes: int | Unavailable = NOT_LOOKED
    compute_mode: str | Unavailable = NOT_LOOKED
    """Default, Exclusive_Process or Prohibited."""
    mig: bool | Unavailable = NOT_LOOKED
    """MIG is on."""
    mig_instances: int | Unavailable = NOT_LOOKED


@dataclass(frozen=True, slots=True)
class Nvidia:
    driver: str | Unavailable = NOT_LOOKED
    """Version of the kernel's driver, `550.54.14`; under WSL that of Windows, which only a probe learns."""
    cuda: str | Unavailable = NOT_LOOKED
    """Newest CUDA that the driver serves, `12.4`."""
    cuda_from: str = ""
    """Where `cuda` comes from: cuDriverGetVersion, or the table of drivers."""
    device_files: tuple[str, ...] = ()
    closed_files: tuple[str, ...] = ()
    """Device files that this user may not open."""
    gpus: tuple[NvidiaGpu, ...] | Unavailable = ()
    said: str = ""
    """What the driver answered when it did not do as asked: `cuInit: 999 CUDA_ERROR_UNKNOWN`."""


@dataclass(frozen=True, slots=True)
class AmdGpu:
    gfx: str
    """`gfx906`, from the KFD topology."""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Amd:
    kfd: bool = False
    """/dev/kfd is there."""
    kfd_open: bool | Unavailable = NOT_LOOKED
    """This user may read and write it."""
    closed_files: tuple[str, ...] = ()
    """Render nodes (/dev/dri/renderD128 ...) that this user may not open."""
    gpus: tuple[AmdGpu, ...] | Unavailable = ()
    """From /sys: a container shows the host's, even where it has no /dev/kfd."""
    rocm: str | Unavailable = NOT_LOOKED
    """Version under /opt/rocm."""
    groups: tuple[str, ...] | Unavailable = NOT_LOOKED
    """This user's, of render and video."""


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library that the loader could find, in the order in which it would."""

    soname: str
    path: str
    """With links followed: the version often stands in the real name."""
    found_by: str
    """LD_LIBRARY_PATH, ldconfig, or the folder that a system keeps for it."""


@dataclass(frozen=True, slots=True)
class Package:
    name: str
    """Normalised: lower case, `-`."""
    version: str


@dataclass(frozen=True, slots=True)
class NativeFile:
    """A shared library or extension module inside an environment."""

    path: str
    """Relative to site-packages."""
    needed: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    """Of the names that `packages` looks for in it, those that stand there as text: what it will load by name."""


@dataclass(frozen=True, slots=True)
class Contested:
    """A file that several packages say is theirs: the last one installed has won."""

    path: str
    owners: tuple[str, ...]
    winner: str | None
    """Whose hash the file has; None: nobody's."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A native file that a package's own list names, and that is not there, or empty."""

    package: str
    version: str
    path: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The packages of one Python, ours or the user's."""

    name: str
    """`faster-whisper-cpu-3f2a...`, `running interpreter`, or the folder that was named."""
    path: str
    engine: str | None = None
    python: str | Unavailable = NOT_LOOKED
    packages: tuple[Package, ...] = ()
    native: tuple[NativeFile, ...] = ()
    contested: tuple[Contested, ...] = ()
    missing: tuple[str, ...] = ()
    """`__init__.py` of packages that are installed by their own lists, and are not there."""
    lost: tuple[Lost, ...] = ()
    interpreter: str = ""
    """Its Python; empty where there is none: a folder that `pip install --target` made."""
    broken: str = ""
    """Why one of ours cannot be used at all; then nothing else of it is looked at."""
    details: dict[str, str] = field(default_factory=dict)
    """What a file says of a package: `torch.cuda` 12.8, `torch.hip`, `onnxruntime.cuda`, `rocblas.gfx` ..."""

    def version(self, name: str) -> str | None:
        """Of a package, or None if it is not here."""
        return next((package.version for package in self.packages if package.name == name), None)

    def file(self, ending: str) -> NativeFile | None:
        """The first native file whose path ends so, or holds it where it begins and ends with `*`."""
        part = ending.strip("*")
        inside = ending.startswith("*") and ending.endswith("*")
        return next((f for f in self.native if (part in f.path if inside else f.path.endswith(ending))), None)


@dataclass(frozen=True, slots=True)
class Probed:
    """What came of a small experiment in a child of its own: see `diagnosis.probes`."""

    probe: str
    environment: str = ""
    """Name of the environment that it ran in; empty: none was needed."""
    ended: str = "well"
    """well, raised, died, silent (past its time), or not run."""
    ending: str = ""
    """Of a child that died: SIGABRT, exit 134, 0xC0000409."""
    values: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    """The last lines of its output, and what it raised."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One thing that was tried."""

    environment: str
    what: str
    """load, count, kernel cuda/float16 ..."""
    well: bool
    said: str = ""
    finding: str = ""
    """Id of what explains it, where it is not well."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A fix of the doctor's that a death cut short: the environment that it was to replace lies aside."""

    finding: str
    engine: str
    profile: str
    aside: str
    """Where the environment lies."""
    when: str = ""


@dataclass(frozen=True, slots=True)
class UnreadJournal:
    """The journal of the doctor's fixes is there and cannot be read."""

    path: str
    why: str
    aside: tuple[str, ...] = ()
    """Environments that lie where a fix has set them aside: what it would have told of."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was seen of one machine at one moment."""

    system: System
    format: int = FORMAT
    yamabiko: str = ""
    made: str = ""
    """ISO date and time, UTC."""
    wsl: Wsl | None = None
    container: Container | None = None
    cpu: Cpu = Cpu()
    memory: Memory = Memory()
    disks: tuple[Disk, ...] = ()
    nvidia: Nvidia = Nvidia()
    amd: Amd = Amd()
    pci_vendors: tuple[str, ...] | Unavailable = NOT_LOOKED
    """Of every device on the bus: 0x10de is NVIDIA, 0x1002 AMD."""
    libraries: tuple[Library, ...] | Unavailable = ()
    commands: tuple[str, ...] = ()
    """Of the programs that engines need, those on PATH: cc, gcc, nvidia-smi ..."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of the environment; only names from `variables.KEPT`, so that no secret can come along."""
    environments: tuple[Environment, ...] = ()
    probed: tuple[Probed, ...] = ()
    unfinished: tuple[Unfinished, ...] = ()
    unread_journal: UnreadJournal | None = None
    shadows: tuple[Shadow, ...] = ()
    """What is found before a library or module of yamabiko's own, and cannot take its place."""

    def probe(self, name: str, environment: str = "") -> Probed | None:
        """What came of a probe; None if it was not tried."""
        return next((p for p in self.probed if p.probe == name and p.environment == environment), None)

    def with_probed(self, *results: Probed) -> Facts:
        """The same, with what these probes found; of two of one name and place the newer stands."""
        fresh = {(p.probe, p.environment) for p in results}
        kept = tuple(p for p in self.probed if (p.probe, p.environment) not in fresh)
        return replace(self, probed=(*kept, *results))

    def of_engine(self, engine: str) -> Facts:
        """
        The same machine, with the environments of one engine alone. Where it has none of its own, those that are no
        other engine's: one of them may hold it.
        """
        own = tuple(e for e in self.environments if e.engine == engine)
        others = tuple(e for e in self.environments if e.engine is None)
        unfinished = tuple(one for one in self.unfinished if one.engine == engine)
        return replace(self, environments=own or others, unfinished=unfinished)

    def library(self, soname: str) -> Library | None:
        """The one that the loader would take."""
        if isinstance(self.libraries, Unavailable):
            return None
        return next((library for library in self.libraries if library.soname == soname), None)

    @property
    def sees_nvidia(self) -> bool:
        """
        The machine shows an NVIDIA GPU, whatever its driver does with it.

        WSL's device is the same for every maker; only NVIDIA's driver for Windows puts a libcuda beside it.
        """
        given = isinstance(self.libraries, Unavailable) or self.library("libcuda.so.1") is not None
        return bool(self.nvidia.device_files) or (self.wsl is not None and self.wsl.dxg and given)

    @property
    def has_no_nvidia(self) -> bool:
        """The bus has none: in a container too, whatever it was given. WSL shows a bus of its own, a Jetson's GPU is on none."""
        if self.wsl is not None or self.system.machine != "x86_64" or isinstance(self.pci_vendors, Unavailable):
            return False
        return "0x10de" not in self.pci_vendors and not self.nvidia.device_files

    @property
    def sees_amd(self) -> bool:
        return self.amd.kfd


def unavailable(facts: object, prefix: str = "") -> list[tuple[str, Unavailable]]:
    """Every fact that could not be had, with its dotted name: what the doctor did not see, said plainly."""
    found: list[tuple[str, Unavailable]] = []
    for each in fields(facts):  # type: ignore[arg-type]
        value, name = getattr(facts, each.name), f"{prefix}{each.name}"
        if isinstance(value, Unavailable):
            found.append((name, value))
        elif hasattr(value, "__dataclass_fields__"):
            found += unavailable(value, f"{name}.")
    return found
