"""Runs one program beside servers of its own: `python -m clinic_crm.local.with_servers DIR PROGRAM ARGUMENT…`.

For benchmarks: the same PostgreSQL settings as the portal's, no data of the portal's.
"""

import os
import subprocess
import sys
from pathlib import Path

from clinic_crm.local.postgres import ServerError
from clinic_crm.local.servers import AlreadyRunningError, Servers, ownership


def main(folder: str, *program: str) -> int:
    """The program's exit code; the servers are gone afterwards."""
    directory = Path(folder).resolve()
    try:
        with ownership(directory), Servers(directory) as servers:
            environment = {name.upper(): address for name, address in servers.addresses.items()}
            return subprocess.run(program, env={**os.environ, **environment}, check=False).returncode
    except (AlreadyRunningError, ServerError) as error:
        print(f"{directory}: {error or 'in use'}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
