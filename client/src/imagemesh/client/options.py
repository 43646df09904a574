"""Options that several of a caller's commands have."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter
from cyclopts.validators import Number

from imagemesh.client.client import DEFAULT_TIMEOUT_S, DEFAULT_URL, AsyncClient
from imagemesh.client.errors import InvalidInput
from imagemesh.client.retries import Retries, Tell

MAX_PARALLEL: Final = 64  # requests that a gateway takes at once by default
MAX_TIMEOUT_S: Final = 3600

Inputs = Annotated[list[str], Parameter(help="File, folder, URL, or - for standard input.")]
Pages = Annotated[str, Parameter(help='Pages to read, such as "1-3,7" or "5-".')]
MinConfidence = Annotated[float, Parameter(help="Leave out what is less sure, in [0, 1].")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Options of every command that asks a server.

    Attributes:
        server: http:// or https:// of a gateway.
        key_file: File that holds the API key; stronger than --key.
        key: The API key. Others on the machine may see it: prefer the variable.
        ca_file: Certificates (PEM) to trust instead of the system's.
        timeout: Longest time for one answer with all its retries, in seconds.
        json: Print JSON.
    """

    server: Annotated[str, Parameter(env_var="IMAGEMESH_URL")] = DEFAULT_URL
    key_file: Path | None = None
    key: Annotated[str, Parameter(env_var="IMAGEMESH_API_KEY")] = ""
    ca_file: Path | None = None
    timeout: Annotated[float, Parameter(validator=Number(gt=0, lte=MAX_TIMEOUT_S))] = (
        DEFAULT_TIMEOUT_S
    )
    json: bool = False

    def client(self, tell: Tell | None = None) -> AsyncClient:
        """Return a client of the server.

        Args:
            tell: called before each wait for a retry.

        Raises:
            InvalidInput: the options describe no client.
        """
        retries = Retries(self.timeout, tell=tell)
        return AsyncClient(self.server, key=self._key(), ca_file=self.ca_file, retries=retries)

    def _key(self) -> str:
        if self.key_file is None:
            return self.key
        try:
            return self.key_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"cannot read the key file {self.key_file}") from error


SERVER: Final = Server()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Options of every command that asks about files.

    Attributes:
        details: Add the model and the time; with --json all details.
        parallel: Number of files that are asked about at once.
        server: Server that is asked.
    """

    details: bool = False
    parallel: Annotated[int, Parameter(validator=Number(gte=1, lte=MAX_PARALLEL))] = 4
    server: Annotated[Server, Parameter(name="*", group="Server")] = SERVER


WORK: Final = Work()


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Options of the commands that make files.

    Attributes:
        output: Folder that the files are written to.
        force: Write over files that exist.
    """

    output: Path | None = None
    force: bool = False


OUTPUT: Final = Output()
