import pytest

from config.operations.personal_data import without_people


class TestWithoutPeople:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("saved for kim.eun@example.org", "saved for …"),
            ("call 010-1234-5678 or +82 10 1234 5678", "call … or …"),
            ("from 203.0.113.25", "from …"),
            ("김은총 was refused", "… was refused"),
            ('merchant="GS Mart" is odd', 'merchant="…" is odd'),
            (r"b'\xea\xb9\x80' and \uae40", "b'…' and …"),
            ("GET /admin/?q=kim&p=2 200", "GET /admin/?… 200"),
            (
                "duplicate key\nDETAIL:  Key (email)=(kim) exists\nand more.\nCONTEXT:  SQL",
                "duplicate key\nDETAIL: …\nCONTEXT:  SQL",
            ),
        ],
    )
    def test_masks_what_may_be_about_somebody(self, text, shown):
        assert without_people(text) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "2025-08-05T03:00:00.123+09:00 ERROR django.request: Internal Server Error: /admin/",
            'File "/srv/budget/models/users.py", line 12, in save',
            'relation "users" violates "user_email_format" in column "email"',
            "row 0198f0c2-1111-7222-8333-123456789012 of pid 4242 took 12.5 s",
            '"GET /admin/budget/ HTTP/1.1" 200 512',
            "It's done, isn't it",
            "budget.0016_search_indexes applied in 0.03 s",
        ],
    )
    def test_keeps_what_tells_what_happened(self, text):
        assert without_people(text) == text
