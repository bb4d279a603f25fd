"""Settings of the service, from the environment (``ICD_CODER_...``), a TOML file and the command line."""

import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from model.errors import InvalidOption, MalformedInput, MissingInput
from model.text.note_text import MAX_CHARACTERS

PREFIX = "ICD_CODER_"
Network = IPv4Network | IPv6Network
MetricsAccess = Literal["admin", "open", "off"]


def networks_of(addresses: str) -> list[Network]:
    """The addresses and networks of a list that is separated by commas.

    Raises:
        ValueError: one of them is neither.
    """
    return [ip_network(each.strip()) for each in addresses.split(",") if each.strip()]


class Settings(BaseSettings):
    """Every limit of the service; each can be set as ``ICD_CODER_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    database: str | None = Field(default=None, description="URL of the indexed notes; none: no neighbours.")
    bundles: Path | None = Field(
        default=None, description="Folder of the bundles that may be loaded while the service runs; none: no other one."
    )
    record_codings: bool = Field(
        default=False, description="Keep in the database what was suggested for a request that names a stored note."
    )
    store_text: bool = Field(
        default=False, description="Keep the texts of notes that POST /v1/notes stores; else their embeddings alone."
    )
    key_secret: SecretStr | None = Field(
        default=None, description="Secret under which access keys are hashed; a file is safer."
    )
    key_secret_file: Path | None = Field(
        default=None, description="File with that secret; none: made beside a SQLite file, needed for PostgreSQL."
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="Identity provider whose tokens are let in beside keys, as `iss` names it; none: keys alone.",
    )
    oidc_audience: str | None = Field(default=None, description="What `aud` of a token must hold.")
    oidc_jwks: str | None = Field(
        default=None, description="The provider's public keys (JWKS): an https:// address or a file."
    )
    oidc_proxy: str | None = Field(
        default=None,
        description="Proxy through which the keys at an address are fetched, such as http://proxy.example:3128; none: "
        "they are fetched directly, whatever HTTP_PROXY says.",
    )
    oidc_claim: str = Field(
        default="scope", description="Claim with scopes or roles: a name, or a way to it such as realm_access.roles."
    )
    oidc_roles: str = Field(
        default="",
        description="What they grant, as in coder=predict+neighbours,operator=admin; empty: scopes by their own names.",
    )
    oidc_algorithms: str = Field(
        default="RS256,PS256,ES256,EdDSA", description="Algorithms of tokens, of those without a shared secret."
    )
    rate_limit: str = Field(
        default="600/minute",
        description="Requests of one key, each note of a batch one, such as 20/second;5000/hour, or none for no limit.",
    )
    stranger_limit: str = Field(
        default="120/minute", description="Requests without a valid key from one address, or none for no limit."
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks, separated by commas, of the proxies whose X-Forwarded-For names the "
        "client; empty: the header does not count.",
    )
    max_connections: int = Field(
        default=1000,
        ge=2,
        description="Open connections, at most half of the process's descriptors; a newcomer takes the place of the "
        "one that has waited longest without a key.",
    )
    max_connections_by_address: int = Field(
        default=256, ge=1, description="Those of one address, at most half of all; trusted proxies have no such limit."
    )
    head_seconds: int = Field(
        default=10, ge=1, description="Time that a client gets to send the head of a request; then it is cut off."
    )
    send_seconds: int = Field(
        default=20, ge=1, description="Time in which a client must read what was sent to it; then it is cut off."
    )
    max_body_bytes: int = Field(default=2_000_000, ge=1, description="Largest request body.")
    body_seconds: int = Field(default=30, ge=1, description="Time that a client gets to send its body.")
    max_depth: int = Field(default=20, ge=1, description="How deeply the JSON of a body may be nested.")
    max_characters: int = Field(
        default=MAX_CHARACTERS, ge=1, le=MAX_CHARACTERS, description="Longest note, in code points."
    )
    max_top_k: int = Field(default=500, ge=1, description="Most codes in one answer.")
    max_attingrad_codes: int = Field(
        default=20, ge=0, description="Codes of one answer that attingrad explains; the others have attention."
    )
    max_neighbours: int = Field(default=50, ge=0, description="Most neighbours in one answer.")
    max_batch: int = Field(default=32, ge=1, description="Most notes in one batch.")
    max_job_items: int = Field(default=10_000, ge=1, description="Most notes in one job.")
    max_job_bytes: int = Field(default=50_000_000, ge=1, description="Largest file of a job.")
    max_jobs: int = Field(default=20, ge=1, description="Unfinished jobs of one caller; the next one gets a 429.")
    max_streams_by_key: int = Field(
        default=4, ge=1, description="Streamed answers (events, results, exports) of one key at a time; then a 429."
    )
    max_uploads_by_key: int = Field(
        default=2, ge=1, description="Files of jobs above max_body_bytes that one key may send at a time; then a 429."
    )
    job_days: int = Field(
        default=7,
        ge=1,
        le=36_500,
        description="Days that a job's results are kept after its end; then they are deleted.",
    )
    max_waiting: int = Field(default=32, ge=1, description="Notes that may wait; the next one gets a 503.")
    deadline_seconds: int = Field(
        default=60, ge=1, description="Time that a note gets, from its arrival in the queue; then a 503."
    )
    text_seconds: float = Field(
        default=20,
        gt=0,
        description="Processor time that the text of a note gets, without the encoder; then a 422.",
    )
    retry_after_seconds: int = Field(default=5, ge=1, description="What a 503 asks the client to wait, at least.")
    metrics: MetricsAccess = Field(
        default="admin",
        description="Who may read /metrics: admin (a key with that scope), open (anybody), off (nobody).",
    )
    tracing_collector: str | None = Field(
        default=None,
        description="Address of an OTLP collector, such as http://127.0.0.1:4318/v1/traces; none: no tracing.",
    )
    group_readable: bool = Field(
        default=False,
        description="Let the group of the owner read new files of notes; the environment gives it to every verb.",
    )
    torch_threads: int = Field(default=0, ge=0, description="Threads of the coder; 0: the cores of this process.")
    shutdown_seconds: int = Field(default=30, ge=1, description="Time that requests in flight get at a stop.")
    drain_seconds: int = Field(
        default=0,
        ge=0,
        description="Time at a stop in which probes are still answered: /readyz says 503 to a load balancer.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _name_networks(cls, given: str) -> str:
        try:
            networks_of(given)
        except ValueError:
            raise ValueError("write addresses and networks such as 10.0.0.5,172.16.0.0/12") from None
        return given


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Read the settings: ``overrides`` win over the environment, which wins over the TOML file.

    Raises:
        InvalidOption: a value is invalid, or the file has an unknown setting; the message names the first.
        MissingInput, MalformedInput: the file cannot be read as TOML.
    """
    try:
        return _settings_over(config)(**overrides)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidOption(f"the setting {PREFIX}{name.upper()} cannot be used: {first['msg']}") from None
    except tomllib.TOMLDecodeError as error:
        raise MalformedInput(f"'{config}' is not TOML ({error}): write lines such as max_characters = 100000") from None
    except UnicodeDecodeError:
        raise MalformedInput(f"'{config}' is not UTF-8: save it as UTF-8") from None
    except OSError as error:
        raise MissingInput(f"'{config}' cannot be read ({error.strerror}): fix the path of --config") from None


def _settings_over(config: Path | None) -> type[Settings]:
    """The settings class that also reads the file, with lower priority than the environment."""
    if config is None:
        return Settings
    if not config.is_file():
        raise MissingInput(f"the file '{config}' is not there: name a TOML file with --config")

    class SettingsOverFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config)

    return SettingsOverFile
