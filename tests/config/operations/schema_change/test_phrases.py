import pytest

from config.operations.schema_change.phrases import read_phrase, split


class TestSplit:
    @pytest.mark.parametrize(
        ("sql", "statements"),
        [
            ("", []),
            (" ;; -- nothing\n ; /* nothing */", []),
            ("SELECT 1", ["SELECT 1"]),
            ("SELECT 1;\n  SELECT 2 ;", ["SELECT 1", "SELECT 2"]),
            ("SELECT ';'; SELECT \"a;b\"", ["SELECT ';'", 'SELECT "a;b"']),
            ("SELECT 'it''s;'; SELECT 2", ["SELECT 'it''s;'", "SELECT 2"]),
            # A backslash escapes only where the text says so.
            (r"SELECT 'C:\'; DROP TABLE x", [r"SELECT 'C:\'", "DROP TABLE x"]),
            (r"SELECT E'\'; '; SELECT 2", [r"SELECT E'\'; '", "SELECT 2"]),
            ("SELECT 1 -- it's; not\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
            ("/* a /* b; */ c; */ SELECT 1", ["SELECT 1"]),
            ("SELECT /* it's */ 1; SELECT 2", ["SELECT /* it's */ 1", "SELECT 2"]),
            ("DO $$ BEGIN a; END $$; SELECT 2", ["DO $$ BEGIN a; END $$", "SELECT 2"]),
            ("DO $a$ $$; $b$; $a$; SELECT $1", ["DO $a$ $$; $b$; $a$", "SELECT $1"]),
            ("SELECT a$b$c; SELECT d$b$", ["SELECT a$b$c", "SELECT d$b$"]),
            ("BEGIN; SELECT 1; END; SELECT 2", ["BEGIN", "SELECT 1", "END", "SELECT 2"]),
            (
                "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END; SELECT 3",
                ["CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END", "SELECT 3"],
            ),
            (
                "CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT 2); SELECT 3",
                [
                    "CREATE RULE r AS ON DELETE TO t DO (SELECT 1; SELECT 2)",
                    "SELECT 3",
                ],
            ),
            ("SELECT 'never closed; SELECT 2", ["SELECT 'never closed; SELECT 2"]),
            ("SELECT (never closed; SELECT 2", ["SELECT (never closed; SELECT 2"]),
        ],
    )
    def test_ends_a_statement_where_postgresql_does(self, sql, statements):
        assert list(split(sql)) == statements


class TestPhrase:
    def test_has_an_outline_without_what_is_in_texts_and_parentheses(self):
        phrase = read_phrase(
            'ALTER TABLE "지출"."열" ADD a varchar(10) DEFAULT \'NOT NULL, x\' CHECK (a > 0)'
        )

        assert phrase.outline == """ALTER TABLE "2" ADD a varchar (6) DEFAULT '8' CHECK (10)"""

    @pytest.mark.parametrize(
        ("sql", "name"),
        [
            ("Entries", "entries"),
            ('"Entries"', "Entries"),
            ('"a ""quoted"" name"', 'a "quoted" name'),
            ("지출", "지출"),
            ("사용자_2026", "사용자_2026"),
            ('Public . "지출"', "public.지출"),
            ("ÉTÉ", "ÉtÉ"),  # Only ASCII is folded, as by a server with UTF-8.
        ],
    )
    def test_reads_a_name_as_the_server_stores_it(self, sql, name):
        phrase = read_phrase(f"DROP TABLE {sql}")

        assert phrase.name(phrase.outline.removeprefix("DROP TABLE ")) == name

    def test_takes_parentheses_that_are_never_closed_as_they_are(self):
        assert read_phrase("SELECT a, (b, c").outline == "SELECT a , (3)"

    def test_keeps_the_words_of_the_statement(self):
        phrase = read_phrase("ALTER TABLE t ADD a numeric(1,  2), /* b */ DROP  b")

        assert [str(part) for part in phrase.split_at_commas()] == [
            "ALTER TABLE t ADD a numeric(1,  2)",
            "DROP  b",
        ]
        assert str(phrase.inner("(6)")) == "1,  2"
