"""What the pretended WhatsApp business account looks like before anybody does anything."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class NumberConfig:
    """One business number.

    `country_code` is prepended to recipients written without a plus. `allowed_recipients` makes it a test number:
    sends to anybody else are refused (131030).
    """

    phone_number_id: str
    display_phone_number: str
    verified_name: str
    waba_id: str = "100200300400500"
    country_code: str = "1"
    quality_rating: Literal["GREEN", "YELLOW", "RED", "UNKNOWN"] = "GREEN"
    allowed_recipients: list[str] | None = None
    coexistence: bool = False
    """It is used in the phone app, too: only then webhooks tell of what customers edit and delete."""


@dataclass
class CustomerConfig:
    """One person with WhatsApp; `id` is the handle used in tests and the control API, `name` the profile name.

    `phone` is the wa_id (digits, no plus). `hide_phone` keeps it out of webhooks, which only people with a username
    can do. An empty `user_id` (the business-scoped id) is made up from the country and the sandbox's seed.
    """

    id: str
    name: str
    phone: str
    user_id: str = ""
    username: str = ""
    hide_phone: bool = False
    read_receipts: bool = True


@dataclass
class TemplateConfig:
    """One message template in one language, as the template list shows it."""

    name: str
    language: str
    components: list[dict[str, Any]]
    id: str
    status: str = "APPROVED"
    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"] = "UTILITY"
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    waba_id: str = "100200300400500"


def _numbers() -> list[NumberConfig]:
    return [
        NumberConfig("200300400500600", "+1 555-010-0200", "Fixture Shop"),
        NumberConfig("200300400500601", "+1 555-010-0201", "Fixture Sales", waba_id="100200300400999"),
    ]


def _customers() -> list[CustomerConfig]:
    return [
        CustomerConfig("ana", "Ana García", "34600000101", "ES.71920045013482133077"),
        CustomerConfig("maya", "Maya Ortega", "15550100311", "US.48213307719920450013"),
        CustomerConfig("joao", "João Figueira", "555199990042", "BR.90177345561208844731"),
        CustomerConfig("rafa", "Rafaela Lima", "5511999990077", "BR.31177345561208844702"),
        CustomerConfig("lupe", "Lupe Hernández", "5215500000123", "MX.20994410077345561208"),
        CustomerConfig(
            "leila",
            "Leila",
            "33639980042",
            "FR.33120096647715528904",
            username="leila.designs",
            hide_phone=True,
        ),
        CustomerConfig(
            "mallory", "<!channel> *bold* <https://evil|bank>", "447700900666", "GB.66600096647715528904"
        ),
        CustomerConfig("quiet", "Quinn", "447700900123", "GB.12300096647715528904", read_receipts=False),
    ]


def _templates() -> list[TemplateConfig]:
    return [
        TemplateConfig(
            "order_update",
            "en_US",
            [
                {
                    "type": "HEADER",
                    "format": "TEXT",
                    "text": "Order {{1}}",
                    "example": {"header_text": ["4471"]},
                },
                {
                    "type": "BODY",
                    "text": "Hi {{1}}, your order ships on {{2}}.",
                    "example": {"body_text": [["Maya", "Friday"]]},
                },
                {"type": "FOOTER", "text": "Reply STOP to opt out"},
            ],
            "998877665544",
        ),
        TemplateConfig(
            "reengage",
            "pt_BR",
            [
                {
                    "type": "BODY",
                    "text": "Olá {{first_name}}, ainda precisa de ajuda com {{topic}}?",
                    "example": {
                        "body_text_named_params": [
                            {"param_name": "first_name", "example": "João"},
                            {"param_name": "topic", "example": "a fatura"},
                        ]
                    },
                }
            ],
            "998877665545",
            category="MARKETING",
            parameter_format="NAMED",
        ),
        TemplateConfig(
            "old_promo",
            "en_US",
            [{"type": "BODY", "text": "Sale!"}],
            "998877665546",
            status="PAUSED",
            category="MARKETING",
        ),
    ]


@dataclass
class WhatsAppConfig:
    """App, credentials, business numbers, customers and limits.

    Durations are the platform's seconds and shrink with the sandbox's scale, except `webhook_timeout_s`, which bounds
    the work of a real program and is in real seconds. `window_refusal` and `pair_refusal` say whether a send outside
    the 24 h window, or above the pair rate, is refused in the `answer` or accepted and reported as a failed `status`
    (Meta does both). `longest_retry_s` bounds the waits between tries to deliver a webhook, which grow up to a day. `rate_limits = false` switches throughput, pair and management limits off, for benchmarks.
    """

    webhook_url: str = "http://127.0.0.1:8000/webhooks/whatsapp"
    access_token: str = "sandbox-whatsapp-token"  # noqa: S105  # opens nothing but the sandbox
    app_secret: str = "sandbox-app-secret"  # noqa: S105
    verify_token: str = "sandbox-verify-token"  # noqa: S105
    app_id: str = "670843887433847"
    app_name: str = "threadline"
    subscribed: bool = True
    numbers: list[NumberConfig] = field(default_factory=_numbers)
    customers: list[CustomerConfig] = field(default_factory=_customers)
    templates: list[TemplateConfig] = field(default_factory=_templates)
    rate_limits: bool = True
    throughput_per_s: int = 80
    pair_interval_s: float = 6.0
    pair_burst: int = 45
    management_per_hour: int = 5_000
    window_s: float = 86_400.0
    window_refusal: Literal["status", "answer"] = "status"
    pair_refusal: Literal["status", "answer"] = "answer"
    service_messages_billable: bool = True
    sent_after_s: float = 0.2
    delivered_after_s: float = 0.5
    webhook_timeout_s: float = 20.0
    webhook_connections: int = 64
    longest_retry_s: float = 86_400.0
