"""Settings of the vision service, read from VISION_* variables."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from modelkit.settings import TorchServiceSettings
from servicekit.errors import InvalidRequest
from servicekit.settings import MetricsPort, Port
from vision.policies import DEFAULT, SUGGESTIVE_THRESHOLD, NudityPolicy, Policies


class VisionSettings(TorchServiceSettings):
    """Settings of the vision service."""

    model_config = SettingsConfigDict(env_prefix="VISION_", frozen=True)

    port: Port = 50053
    metrics_port: MetricsPort = 9103
    max_batch: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Most images that the classifier computes together; on a CPU at most 4.",
    )
    nudity_threshold: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Least score of a photo that is called nude by the policy `default`; lower "
        "finds more and errs more.",
    )
    nudity_policies: Policies = Field(
        default={},
        description="Further policies of nudity, such as strict=0.5:0.2,lenient=0.95: a name, the "
        "least score that is called nude and, of models with classes for it, the least "
        f"probability that is called suggestive ({SUGGESTIVE_THRESHOLD} unless given). A request "
        "or an API key names one.",
    )

    def policy(self, name: str) -> NudityPolicy:
        """Return the nudity policy of that name; the empty name is the default.

        Raises:
            InvalidRequest: There is none.
        """
        policies = {DEFAULT: NudityPolicy(self.nudity_threshold), **self.nudity_policies}
        policy = policies.get(name or DEFAULT)
        if policy is None:
            known = ", ".join(sorted(policies))
            raise InvalidRequest(f"policy {name[:50]!r} is not known; known are: {known}")
        return policy
