"""What is true in every environment. The module of each environment adds the rest."""

from django.utils.translation import gettext_lazy as _

from config.env import BASE_DIR

LOCAL_DIR = BASE_DIR / ".local"

INSTALLED_APPS = [
    # Before Django's own, because it extends `migrate` and `runserver`.
    "config.operations",
    "config.administration.ParishAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_linear_migrations",
    "receipts",
    "budget",
    "audit",
]

MIDDLEWARE = [
    # Before all that may redirect, refuse a host, or ask the database.
    "config.operations.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.bad_requests.BadRequestMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "audit.middleware.AuditMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

AUTH_USER_MODEL = "budget.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{validator}"}
    for validator in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# The constraint user_email_unique, on lower(email), is stricter than the `unique=True` this check looks for.
SILENCED_SYSTEM_CHECKS = ["auth.E003"]

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"  # Of Django's own tables; ours have uuid keys.

LANGUAGE_CODE = "ko"
LANGUAGES = [("ko", _("Korean")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Seoul"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "static/"
FIXTURE_DIRS = [BASE_DIR / "fixtures"]
MEDIA_ROOT = LOCAL_DIR / "media"
BACKUP_RECIPIENTS: list[str] = []  # Age public keys; without one, backups are not encrypted.
BACKUP_IDENTITY_FILE = ""
BACKUP_KEEP = {"days": 30, "weeks": 12, "months": 12, "years": 5}
BACKUP_OFFSITE_UNENCRYPTED = False
ATTIC_DAYS = 90  # How long what a migration has dropped can be brought back.
BACKUP_MAX_AGE = 24  # Hours after which preflight asks for another one.

TRUSTED_PROXIES = 0  # How many of our own stand before the web server and say whom they speak for.

SLOW_QUERY_SECONDS = 30
SLOW_MIGRATION_SECONDS = 60
