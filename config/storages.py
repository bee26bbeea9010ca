"""Django's storages: the usual two and, when a variable names a place, the one of the off-site backups."""

from typing import Any

from django.conf import global_settings

from config.catalogue import translate
from config.env import Environment, InvalidVariable


def storages(environment: Environment) -> dict[str, Any]:
    """Return the setting STORAGES. Credentials of an S3 storage are boto3's affair, from the process."""
    folder = environment.text("BACKUP_OFFSITE_DIR", "")
    bucket = environment.text("BACKUP_OFFSITE_BUCKET", "")
    if folder and bucket:
        raise InvalidVariable(
            translate("Set either %(folder)s or %(bucket)s: backups are copied to one place.")
            % {"folder": "BACKUP_OFFSITE_DIR", "bucket": "BACKUP_OFFSITE_BUCKET"}
        )
    if folder:
        return {**global_settings.STORAGES, "backups": _folder(folder)}
    if bucket:
        return {**global_settings.STORAGES, "backups": _bucket(environment, bucket)}
    return dict(global_settings.STORAGES)


def _folder(folder: str) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": folder},
    }


def _bucket(environment: Environment, bucket: str) -> dict[str, Any]:
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": environment.text("BACKUP_OFFSITE_ENDPOINT", "") or None,
            # What prune_backups deletes there must not belong to another environment.
            "location": environment.name,
            "default_acl": None,
            "querystring_auth": True,
        },
    }
