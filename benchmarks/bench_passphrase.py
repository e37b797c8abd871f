"""What one guess at a passphrase costs, beside OpenSSL's Scrypt of the same parameters, which is what an attacker runs.

    python benchmarks/bench_passphrase.py [--rounds 9] [--cores 10000]

From it: how long `--cores` cores of this kind take for half of all passphrases of so many random words. Memory is of a
process that makes one guess, above one that makes none.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time

from common import Samples, parser, print_ratio, print_samples

from memguard.state.keys import WrongPassphraseError, in_passphrase
from memguard.state.keys.in_passphrase import COST
from memguard.state.keys.key_file import KeyFile
from memguard.state.keys.pair import new_pair

# The legitimate price is to be the attacker's: what memguard adds to Scrypt would be paid by the person alone.
LIMIT = 1.2
WORD_BITS = 12.925  # one of 7776, as dice draw them
YEAR_S = 31557600.0
PEAK_PROGRAM = """
import sys
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
n, r, p = map(int, sys.argv[1:])
if n:
    Scrypt(salt=bytes(16), length=32, n=n, r=r, p=p).derive(b"a guess")
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0])
"""


def main() -> int:
    """Measure both in turn, print."""
    arguments = parser(__doc__, 9)
    arguments.add_argument("--cores", type=int, default=10000, help="of the attacker (default: 10000)")
    options = arguments.parse_args()
    key_file = in_passphrase.housed(new_pair(), "three pears in a boat")
    guess, bare = Samples("one guess by memguard, CPU"), Samples("Scrypt of OpenSSL, CPU")
    for _ in range(options.rounds):
        guess.values.append(_cpu_ms(key_file, is_bare=False))
        bare.values.append(_cpu_ms(key_file, is_bare=True))
    print_samples([guess, bare])
    print_ratio("guess / Scrypt", guess, bare, LIMIT)
    print(f"memory of a guess: {(_peak_kib(*_parameters()) - _peak_kib(0, 0, 0)) / 1024:.0f} MiB")
    _report(bare.median / 1000, options.cores)
    return 0


def _cpu_ms(key_file: KeyFile, *, is_bare: bool) -> float:
    begun_s = time.process_time()
    if is_bare:
        n, r, p = _parameters()
        hashlib.scrypt(b"a wrong guess", salt=bytes(16), n=n, r=r, p=p, maxmem=1 << 30, dklen=32)
    else:
        _guess(key_file)
    return (time.process_time() - begun_s) * 1000


def _guess(key_file: KeyFile) -> None:
    try:
        in_passphrase.opened(key_file, "a wrong guess")
    except WrongPassphraseError:
        return
    raise RuntimeError("a wrong passphrase has opened the key")


def _parameters() -> tuple[int, int, int]:
    return 1 << COST.log2_n, COST.r, COST.p


def _peak_kib(n: int, r: int, p: int) -> int:
    command = [sys.executable, "-c", PEAK_PROGRAM, str(n), str(r), str(p)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _report(guess_s: float, cores: int) -> None:
    print(f"\nhalf of all passphrases of so many random words (of 7776), {cores} such cores:")
    for words in range(2, 7):
        seconds = guess_s * 2 ** (words * WORD_BITS - 1) / cores
        shown = f"{seconds / 3600:.3g} hours" if seconds < YEAR_S / 12 else f"{seconds / YEAR_S:.3g} years"
        print(f"  {words} words ({words * WORD_BITS:.0f} bits): {shown}")


if __name__ == "__main__":
    sys.exit(main())
