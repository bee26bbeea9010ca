import pytest

from config.shown_statements import shown_statement


class TestShownStatement:
    @pytest.mark.parametrize(
        ("sql", "shown"),
        [
            ("SELECT * FROM users WHERE name = '김요한'", "SELECT * FROM users WHERE name = '…'"),
            (
                "SELECT 1, 2.5, 1e9 FROM t2 WHERE a = $1 AND b1 = %s",
                "SELECT …, …, … FROM t2 WHERE a = $1 AND b1 = %s",
            ),
            ("SELECT 'cut off by the ser", "SELECT '…'"),
            (r"SELECT E'it\'s secret', 'secret'", "SELECT '…', '…'"),
            ("SELECT 'it''s secret'", "SELECT '…'"),
            ("UPDATE users\n  SET email = '' WHERE id = %s", "UPDATE users SET email = '…' WHERE id = %s"),
            ("DO $$ secret $$; SELECT $tag$ secret $tag$, $x$ secret", "DO '…'; SELECT '…', '…'"),
            ("SELECT 1 -- it's\nFROM t WHERE a = 'secret'", "SELECT … FROM t WHERE a = '…'"),
            ("/* it's */ SELECT 'secret' /* cut", "SELECT '…'"),
            ("SELECT \"a column\", 'secret'", "SELECT \"a column\", '…'"),
            (
                r"""SET LOCAL audit.context TO E'{"reason": "\"secret\""}';""" + "\nDELETE FROM t",
                "DELETE FROM t",
            ),
            ("SELECT \x1b[31m\n\ttrue", "SELECT ?[… true"),
        ],
    )
    def test_leaves_out_values_however_they_are_written(self, sql, shown):
        assert shown_statement(sql) == shown

    def test_shortens_a_statement_that_would_fill_a_log_file(self):
        assert len(shown_statement("SELECT " + "%s, " * 100_000)) < 10_000
