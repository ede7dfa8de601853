"""Django's settings. What comes from outside is read in env.py."""

from __future__ import annotations

from apim.api.conventions import SPECTACULAR_SETTINGS  # noqa: F401 -- a setting, read by its name
from apim.config.env import ROOT, collect_database_settings, database_settings, read_env
from apim.keyring import load_keyring

ENV = read_env()
KEYRING = load_keyring(ENV.keys_file)

SECRET_KEY = KEYRING.session_secret
DEBUG = ENV.is_debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
BASE_URL = ENV.base_url
CSRF_TRUSTED_ORIGINS = [ENV.base_url]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.base_url.startswith("https://")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "apim.ui",
    "apim.audit",
    "apim.branding",
    "apim.mails",
    "apim.accounts",
    "apim.notifications",
    "apim.jobs",
    "apim.gateways",
    "apim.webhooks",
    "apim.catalog",
    "apim.products",
    "apim.access",
    "apim.usage",
    "apim.announcements",
    "apim.billing",
    "apim.onboarding",
    "apim.alerts",
    "apim.documents",
    "apim.demo",
    "gateway_sync.delivery",
    "apim.platform",
    "apim.api",
    "apim.console",
    "portal",
]

MIDDLEWARE = [
    "apim.config.correlation.CorrelationMiddleware",  # first: all that follows logs with its id
    "apim.config.metrics.MeasureMiddleware",
    "apim.config.telemetry.TelemetryMiddleware",
    "gateway_sync.delivery.turns.TurnsMiddleware",  # before what costs: a herd of gateways must leave people room
    "django.middleware.security.SecurityMiddleware",
    "apim.ui.compression.CompressionMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apim.config.asking.AskerMiddleware",
    "apim.ui.language.LanguageMiddleware",  # after who it is for, before all that says something
    "apim.config.bodies.BodiesMiddleware",  # before what reads a body
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apim.ui.csp.ContentSecurityPolicyMiddleware",
    "apim.ui.secrets.SecretsMiddleware",
    "apim.ui.nul.RefuseNulMiddleware",
    "apim.config.failures.NotAllowedMiddleware",
    "apim.config.statement_limits.StatementLimitMiddleware",
    "apim.config.retries.RetryMiddleware",  # last: it calls the view
]

ROOT_URLCONF = "apim.config.urls"
WSGI_APPLICATION = "apim.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["apim.ui.templatetags.separators"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.shell",
            ],
        },
    }
]

DATABASES = {"default": database_settings(ENV), "collect": collect_database_settings(ENV)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/my"
ACCOUNT_ADAPTER = "apim.accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "apim.accounts.forms.EvenSignupForm"}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True  # a code keeps the page people came from; a link opens another tab
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_RATE_LIMITS = {"leak_report": "30/m/ip"}  # beside those that allauth has itself
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True  # whoever changed the password or the second factor, its holder hears of it
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "apim.accounts.second_factor.SecondFactorAdapter"
MFA_TOTP_ISSUER = "apim"
MFA_TOTP_TOLERANCE = 1  # clocks of phones may be half a minute off
EMAIL_BACKEND = "apim.notifications.backend.StoringBackend"

# Django's own choice without DEBUG is to mail exceptions to nobody.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "apim.config.correlation.LineFormatter",
            "format": "%(asctime)s %(name)s %(levelname)s %(message)s",
        },
        "json": {"()": "apim.config.correlation.JSONFormatter"},
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json" if ENV.log_format == "json" else "line"}
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "apim.requests": {"level": "INFO" if ENV.log_format == "json" else "WARNING"},
    },
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ja", "日本語"), ("ko", "한국어"), ("zh-hans", "简体中文")]  # by their own names
# What we say ourselves, before what frameworks say for the same English words.
LOCALE_PATHS = [ROOT / "portal" / "locale", ROOT / "apim" / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY = True
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT = ENV.home / "static"
WHITENOISE_USE_FINDERS = True

REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "URL_FORMAT_OVERRIDE": None,  # ?format= is no parameter of ours
}

# Our own ports: no API may have them as its upstream.
FORBIDDEN_UPSTREAMS = [
    f"{host}:{port}"
    for host in ("127.0.0.1", "::1")
    for port in (ENV.web_port, ENV.gateway_port, ENV.gateway_admin_port)
] + [f"{url.hostname}:{url.port or port}" for url, port in ENV.servers]

WEBHOOK_NETWORKS = list(ENV.webhook_networks)  # beside the public Internet

STATEMENT_TIMEOUT_S = ENV.statement_timeout_s  # of web requests that read
MAX_WAITING_GATEWAYS = 64  # of one web process; each holds one of its threads
MAX_FULL_SENDS = 10  # gateways of one web process that are being told everything; each answer takes megabytes
MAX_LIVE_STREAMS, MAX_LIVE_STREAMS_EACH = 32, 4  # of one web process, and of one person there; they hold threads too
STRIPE_API_KEY, STRIPE_WEBHOOK_SECRET = ENV.stripe_api_key, ENV.stripe_webhook_secret
STRIPE_API_BASE = ENV.stripe_api_base
REDIS_URL = ENV.redis_url
_LOCAL_CACHE = "django.core.cache.backends.locmem.LocMemCache"
CACHES = {
    # Limits and codes that were used: the same for all web processes, JSON only.
    "default": {
        "BACKEND": "apim.config.shared_cache.SharedCache",
        "LOCATION": ENV.redis_url,
        "KEY_PREFIX": "apim:cache",
    },
    # What one process has worked out already.
    "process": {"BACKEND": _LOCAL_CACHE, "LOCATION": "process", "OPTIONS": {"MAX_ENTRIES": 2_000}},
}
CELERY_BROKER_URL = ENV.redis_url.replace("unix://", "redis+socket://")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # a worker outlives any pause of Redis
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {
    "visibility_timeout": 3600,  # longer than any task, else it would run twice
    # Of a Redis that is cut off nobody is told: a worker asks it anew after some seconds.
    "socket_connect_timeout": 5,
    "socket_timeout": 10,
    "health_check_interval": 5,
}
# How long a web request may wait for the broker; see apim.broker.
BROKER_SEND_OPTIONS = {
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
    "connect_retries_timeout": 0.5,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
}
TRACES_KEPT_MINUTES = ENV.traces_kept_minutes
RECORDS_FOLDER = ENV.records_folder
RECORDS_MOVED_AFTER_HOURS = ENV.records_moved_after_hours
CELERY_IMPORTS = ("apim.config.correlation", "apim.config.metrics", "apim.config.telemetry")  # ids, counts, spans
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "gateway_sync.delivery.tasks.*": {"queue": "publishing"},
    "apim.platform.tasks.note_publisher": {"queue": "publishing"},
}
CELERY_WORKER_PREFETCH_MULTIPLIER = 1  # a short task never waits behind a long one of another process
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "purge storage": {"task": "apim.platform.tasks.purge_storage", "schedule": 3600},
    "check conservation": {"task": "apim.platform.tasks.check_conservation", "schedule": 3600},
    "move records": {"task": "apim.usage.tasks.move_records", "schedule": 900},
    "purge traces": {"task": "apim.usage.tasks.purge_traces", "schedule": 60},
    "end what is due": {"task": "apim.access.tasks.end_what_is_due", "schedule": 5},
    "send due messages": {"task": "apim.notifications.tasks.send_due_messages", "schedule": 30},
    "tell of ends of keys": {"task": "apim.access.tasks.tell_of_ends", "schedule": 3600},
    "remind deciders": {"task": "apim.access.tasks.remind_deciders", "schedule": 600},
    "tell quotas": {"task": "apim.usage.tasks.tell_quotas", "schedule": 60},
    "spread events of versions": {"task": "apim.access.tasks.spread_version_events", "schedule": 5},
    "deliver webhooks": {"task": "apim.webhooks.tasks.deliver_due", "schedule": 5},
    "purge webhooks": {"task": "apim.webhooks.tasks.purge_events", "schedule": 3600},
    "apply billing events": {"task": "apim.billing.tasks.apply_due_events", "schedule": 10},
    "look after payments": {"task": "apim.billing.tasks.look_after_payments", "schedule": 300},
    "tell usage": {"task": "apim.billing.tasks.tell_usage", "schedule": 300},
    "advance migrations": {"task": "apim.billing.tasks.advance_migrations", "schedule": 300},
    "draw credits": {"task": "apim.billing.tasks.draw_credits", "schedule": 10},
    "draw late usage": {"task": "apim.billing.tasks.draw_late_usage", "schedule": 3600},
    "watch spending": {"task": "apim.billing.tasks.watch_spending", "schedule": 15},
    "repair billing": {"task": "apim.billing.tasks.repair_billing", "schedule": 24 * 3600},
    "tend rehearsals": {"task": "apim.billing.tasks.tend_rehearsals", "schedule": 60},
    "note first calls": {"task": "apim.onboarding.tasks.note_first_calls", "schedule": 15},
    "end what is over": {"task": "apim.onboarding.tasks.end_what_is_over", "schedule": 300},
    "order certificates": {"task": "apim.gateways.tasks.order_certificates", "schedule": 3},
    "send announcements": {"task": "apim.announcements.tasks.send_due", "schedule": 60},
    "forget notices": {"task": "apim.notifications.tasks.forget_notices", "schedule": 24 * 3600},
    "extend chain": {"task": "apim.audit.tasks.extend_chain", "schedule": 10},
    "check chain": {"task": "apim.audit.tasks.check_chain", "schedule": 60},
    "tend jobs": {"task": "apim.jobs.tasks.tend", "schedule": 10},
    "tend search": {"task": "apim.catalog.tasks.tend_search", "schedule": 300},
    "refresh issuer keys": {"task": "apim.catalog.tasks.refresh_issuer_keys", "schedule": 60},
    "warn of certificates": {"task": "apim.gateways.tasks.warn_of_certificates", "schedule": 3600},
    "note worker": {"task": "apim.platform.tasks.note_worker", "schedule": 15},
    "note publisher": {"task": "apim.platform.tasks.note_publisher", "schedule": 15},
    "look for anomalies": {"task": "apim.alerts.tasks.look_for_anomalies", "schedule": 3600},
    "note gateways that lag": {"task": "apim.platform.tasks.note_lagging", "schedule": 60},
    "watch alert rules": {"task": "apim.alerts.tasks.watch_rules", "schedule": 60},
    "sweep after demo": {"task": "apim.demo.tasks.sweep_after_demo", "schedule": 600},
    "keep demo going": {"task": "apim.demo.tasks.keep_demo_going", "schedule": 5},
    "forget publications": {"task": "gateway_sync.delivery.tasks.forget_publications", "schedule": 3600},
}
for _entry in CELERY_BEAT_SCHEDULE.values():
    _entry["options"] = {"expires": _entry["schedule"]}  # while a worker is away, its clockwork does not pile up
