import pytest

from config import catalogue
from config.env import Environment, InvalidVariable, MissingVariable


@pytest.fixture(autouse=True)
def language(monkeypatch):
    """Put the language back that a file of a test chose."""
    monkeypatch.setattr(catalogue, "_language_of_file", "")
    monkeypatch.delenv("LANGUAGE_CODE", raising=False)


def environment(tmp_path, file="", **process):
    (tmp_path / ".env.staging").write_text(file, encoding="utf-8")
    return Environment("staging", folder=tmp_path, process=process)


class TestText:
    def test_prefers_the_process_to_the_file(self, tmp_path):
        variables = environment(tmp_path, "DB_NAME=file\nDB_HOST=file\n", DB_NAME="process")

        assert variables.text("DB_NAME") == "process"
        assert variables.text("DB_HOST") == "file"

    def test_names_a_variable_that_is_missing_and_the_file_it_belongs_in(self, tmp_path):
        with pytest.raises(MissingVariable, match="DB_NAME") as refusal:
            environment(tmp_path).text("DB_NAME")

        assert ".env.staging" in str(refusal.value)

    def test_takes_an_empty_variable_for_a_missing_one(self, tmp_path):
        with pytest.raises(MissingVariable, match="DB_NAME"):
            environment(tmp_path, DB_NAME="").text("DB_NAME")

    def test_falls_back_to_the_default(self, tmp_path):
        assert environment(tmp_path).text("DB_NAME", "parish_budget") == "parish_budget"

    def test_works_without_a_file(self, tmp_path):
        variables = Environment("production", folder=tmp_path, process={"DB_NAME": "process"})

        assert variables.text("DB_NAME") == "process"

    def test_takes_a_reference_from_the_process(self, tmp_path):
        variables = environment(
            tmp_path, "DB_PASSWORD=${SECRET_OF_THE_VAULT}\n", SECRET_OF_THE_VAULT="s3cret"
        )

        assert variables.text("DB_PASSWORD") == "s3cret"

    def test_misses_a_reference_to_nothing(self, tmp_path):
        with pytest.raises(MissingVariable, match="DB_PASSWORD"):
            environment(tmp_path, "DB_PASSWORD=${DB_PASSWORD}\n").text("DB_PASSWORD")

    def test_takes_a_part_of_the_value_from_the_process(self, tmp_path):
        variables = environment(tmp_path, "DB_NAME=${PARISH}_budget_${YEAR}\n", PARISH="upper", YEAR="2026")

        assert variables.text("DB_NAME") == "upper_budget_2026"

    @pytest.mark.parametrize("value", ["prefix${DB_PASSWORD}", "${PARISH}${DB_PASSWORD}"])
    def test_misses_a_value_of_which_one_reference_is_to_nothing(self, tmp_path, value):
        with pytest.raises(MissingVariable, match="DB_PASSWORD"):
            environment(tmp_path, f"DB_PASSWORD={value}\n", PARISH="upper").text("DB_PASSWORD")

    @pytest.mark.parametrize("value", ["${DB_PASSWORD}", "s3cret-${DB_PASSWORD}"])
    def test_refuses_a_reference_in_the_process_by_name_without_showing_the_rest(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DB_PASSWORD") as refusal:
            environment(tmp_path, DB_PASSWORD=value).text("DB_PASSWORD")

        assert "s3cret" not in str(refusal.value)

    def test_leaves_the_process_as_it_is(self, tmp_path, monkeypatch):
        monkeypatch.delenv("ONLY_IN_THE_FILE", raising=False)

        environment(tmp_path, "ONLY_IN_THE_FILE=1\n")

        with pytest.raises(MissingVariable):
            Environment("production", folder=tmp_path).text("ONLY_IN_THE_FILE")

    @pytest.mark.parametrize(
        ("line", "value"),
        [
            ("NAME=word", "word"),
            ("NAME='two words'", "two words"),
            ('NAME="two words"', "two words"),
            ("export NAME=word", "word"),
            ("# a comment\n\nNAME=한글", "한글"),
            ("NAME=", "default"),
            ("NAME=p#ss=w%rd", "p#ss=w%rd"),
        ],
    )
    def test_reads_the_usual_forms_of_a_line(self, tmp_path, line, value):
        assert environment(tmp_path, f"{line}\n").text("NAME", "default") == value

    @pytest.mark.parametrize("line", ["DB_NAME", "DB-NAME=x", " DB_NAME=x", "= x"])
    def test_refuses_a_malformed_line_by_its_number(self, tmp_path, line):
        with pytest.raises(InvalidVariable, match=r"\.env\.staging") as refusal:
            environment(tmp_path, f"DB_HOST=x\n{line}\n")

        assert "2" in str(refusal.value)


class TestFile:
    def test_is_refused_by_name_when_it_is_not_utf_8(self, tmp_path):
        (tmp_path / ".env.staging").write_bytes("PARISH=성당\n".encode("cp949"))

        with pytest.raises(InvalidVariable, match=r"\.env\.staging.*UTF-8"):
            Environment("staging", folder=tmp_path, process={})

    def test_is_refused_by_name_when_it_is_a_folder(self, tmp_path):
        (tmp_path / ".env.staging").mkdir()

        with pytest.raises(InvalidVariable, match=r"\.env\.staging.*Is a directory"):
            Environment("staging", folder=tmp_path, process={})

    def test_is_refused_by_name_when_it_cannot_be_opened(self, tmp_path):
        # A loop, because permissions do not keep root from reading.
        (tmp_path / ".env.staging").symlink_to(".env.staging")

        with pytest.raises(InvalidVariable, match=r"\.env\.staging.*symbolic links"):
            Environment("staging", folder=tmp_path, process={})

    def test_chooses_the_language_of_what_is_refused_afterwards(self, tmp_path):
        with pytest.raises(MissingVariable, match="DB_NAME is missing"):
            environment(tmp_path, "LANGUAGE_CODE=en\n").text("DB_NAME")


class TestBoolean:
    @pytest.mark.parametrize(("value", "meaning"), [("true", True), ("True", True), ("FALSE", False)])
    def test_knows_true_and_false(self, tmp_path, value, meaning):
        assert environment(tmp_path, DEBUG=value).boolean("DEBUG", default=not meaning) is meaning

    @pytest.mark.parametrize("value", ["yes", "1", "on", "ture", "0", "true "])
    def test_refuses_everything_else_by_name_and_value(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DEBUG") as refusal:
            environment(tmp_path, DEBUG=value).boolean("DEBUG", default=False)

        assert f"“{value}”" in str(refusal.value)

    @pytest.mark.parametrize("default", [True, False])
    def test_falls_back_to_the_default(self, tmp_path, default):
        assert environment(tmp_path).boolean("DEBUG", default=default) is default


class TestPublicKeys:
    KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"

    def test_returns_the_keys(self, tmp_path):
        assert environment(tmp_path, KEYS=f"{self.KEY}, {self.KEY}").public_keys("KEYS") == [self.KEY] * 2
        assert environment(tmp_path).public_keys("KEYS") == []

    @pytest.mark.parametrize("word", ["age1ql3z7", "AGE-SECRET-KEY-1QQQ", KEY[:-1] + "q"])
    def test_refuses_another_word_without_repeating_it(self, tmp_path, word):
        with pytest.raises(InvalidVariable, match=r"KEYS.*2") as refusal:
            environment(tmp_path, KEYS=f"{self.KEY},{word}").public_keys("KEYS")

        assert word not in str(refusal.value)


class TestWords:
    def test_splits_at_commas(self, tmp_path):
        variables = environment(tmp_path, ALLOWED_HOSTS="a.example, b.example,,")

        assert variables.words("ALLOWED_HOSTS") == ["a.example", "b.example"]


class TestHosts:
    @pytest.mark.parametrize(
        "host", ["budget.example.org", ".example.org", "localhost", "192.0.2.7", "[::1]"]
    )
    def test_returns_the_names_of_hosts(self, tmp_path, host):
        variables = environment(tmp_path, ALLOWED_HOSTS=f"a.example, {host}")

        assert variables.hosts("ALLOWED_HOSTS") == ["a.example", host]

    @pytest.mark.parametrize("host", ["*", ".", "..", "*.example.org", "https://a.example", "a.example:80"])
    def test_refuses_what_is_every_host_or_none_by_name_and_value(self, tmp_path, host):
        with pytest.raises(InvalidVariable, match="ALLOWED_HOSTS") as refusal:
            environment(tmp_path, ALLOWED_HOSTS=f"a.example,{host}").hosts("ALLOWED_HOSTS")

        assert f"“{host}”" in str(refusal.value)

    @pytest.mark.parametrize("hosts", ["", " ", ",", " , "])
    def test_misses_the_first_host_by_name(self, tmp_path, hosts):
        with pytest.raises(MissingVariable, match="ALLOWED_HOSTS"):
            environment(tmp_path, ALLOWED_HOSTS=hosts).hosts("ALLOWED_HOSTS")


class TestChoice:
    @pytest.mark.parametrize(("value", "meaning"), [("", "ko"), ("ko", "ko"), ("en", "en")])
    def test_returns_one_of_the_words_or_the_first(self, tmp_path, value, meaning):
        assert (
            environment(tmp_path, LANGUAGE_CODE=value).choice("LANGUAGE_CODE", among=("ko", "en")) == meaning
        )

    @pytest.mark.parametrize("value", ["xx", "fr", "EN", "ko,en", "k"])
    def test_refuses_another_word_by_name_and_value(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="LANGUAGE_CODE") as refusal:
            environment(tmp_path, LANGUAGE_CODE=value).choice("LANGUAGE_CODE", among=("ko", "en"))

        assert "ko, en" in str(refusal.value)
        assert f"“{value}”" in str(refusal.value)


class TestPort:
    @pytest.mark.parametrize("value", ["1", "5432", "65535"])
    def test_returns_a_port(self, tmp_path, value):
        assert environment(tmp_path, DB_PORT=value).port("DB_PORT", "5432") == value

    @pytest.mark.parametrize("value", ["0", "65536", "-1", "5432x", "٣", "5 4"])
    def test_refuses_what_is_no_port_by_name(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DB_PORT"):
            environment(tmp_path, DB_PORT=value).port("DB_PORT", "5432")


class TestWholeNumber:
    def test_returns_a_number_or_the_default(self, tmp_path):
        assert environment(tmp_path, BACKUP_MAX_AGE="48").whole_number("BACKUP_MAX_AGE", 24) == 48
        assert environment(tmp_path).whole_number("BACKUP_MAX_AGE", 24) == 24

    @pytest.mark.parametrize("value", ["0", "-1", "1.5", "a day", "٣"])
    def test_refuses_everything_else_by_name(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="BACKUP_MAX_AGE"):
            environment(tmp_path, BACKUP_MAX_AGE=value).whole_number("BACKUP_MAX_AGE", 24)


class TestOverruled:
    def test_names_what_the_process_sets_otherwise(self, tmp_path):
        file = "DB_NAME=file\nDB_HOST=same\nDB_PORT=5432\nDB_PASSWORD=${DB_PASSWORD}\n"
        process = {"DB_NAME": "process", "DB_HOST": "same", "DB_PASSWORD": "of the process"}

        assert environment(tmp_path, file, **process).overruled() == ("DB_NAME",)


class TestIdentifier:
    def test_returns_a_plain_name(self, tmp_path):
        assert environment(tmp_path, DB_SCHEMA="parish_2").identifier("DB_SCHEMA", "public") == "parish_2"

    @pytest.mark.parametrize("value", ["Parish", "two words", "a,b", "1st", "x;y", "a" * 64, "a -c role=b"])
    def test_refuses_what_would_need_quotes_by_name(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DB_SCHEMA"):
            environment(tmp_path, DB_SCHEMA=value).identifier("DB_SCHEMA", "public")

    @pytest.mark.parametrize("value", ["pg_catalog", "pg_parish", "information_schema"])
    def test_refuses_what_postgresql_keeps_for_itself_by_name(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match=f"DB_SCHEMA.*“{value}”"):
            environment(tmp_path, DB_SCHEMA=value).identifier("DB_SCHEMA", "public")


class TestSecret:
    def test_returns_a_long_random_value(self, tmp_path):
        assert (
            environment(tmp_path, SECRET_KEY="4f!x9_pQ2w").secret("SECRET_KEY", shortest=10) == "4f!x9_pQ2w"
        )

    @pytest.mark.parametrize(
        "value", ["4f!x9_pQ2", "postgres", "PASSWORD", "changeme", "django-insecure-4f!x9"]
    )
    def test_refuses_a_short_or_default_value_by_name_without_showing_it(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="SECRET_KEY") as refusal:
            environment(tmp_path, SECRET_KEY=value).secret("SECRET_KEY", shortest=10)

        assert value not in str(refusal.value)

    def test_refuses_a_default_value_however_long_it_is(self, tmp_path):
        with pytest.raises(InvalidVariable, match="DB_PASSWORD"):
            environment(tmp_path, DB_PASSWORD="changeme").secret("DB_PASSWORD", shortest=1)

    @pytest.mark.parametrize(
        "value",
        [
            "a" * 68,
            "abcd" * 17,
            " " * 12,
            "password1234",
            "postgrespostgres",
            "Change-Me_2026",
            "admin.root:test",
            "postgresql-2026",
            "1234567890123",
        ],
    )
    def test_refuses_what_is_guessed_soon_by_name_without_showing_it(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DB_PASSWORD") as refusal:
            environment(tmp_path, DB_PASSWORD=value).secret("DB_PASSWORD", shortest=10)

        assert value not in str(refusal.value)

    @pytest.mark.parametrize("value", ["7Qtest-v2Kd!mW", "9f2c61d08ab7e354", "correct horse battery"])
    def test_returns_a_value_in_which_a_default_is_a_small_part(self, tmp_path, value):
        assert environment(tmp_path, DB_PASSWORD=value).secret("DB_PASSWORD", shortest=10) == value


class TestRefuseWeakSecret:
    @pytest.mark.parametrize("value", ["parish_budget", "Parish-Budget-2026", "treasurer1treasurer1"])
    def test_refuses_a_name_that_others_know(self, tmp_path, value):
        with pytest.raises(InvalidVariable, match="DB_PASSWORD"):
            environment(tmp_path).refuse_weak_secret(
                "DB_PASSWORD", value, shortest=10, known_names=("parish_budget", "treasurer")
            )

    def test_refuses_a_name_that_begins_with_another(self, tmp_path):
        with pytest.raises(InvalidVariable, match="DB_PASSWORD"):
            environment(tmp_path).refuse_weak_secret(
                "DB_PASSWORD", "parish_budget_2026", shortest=10, known_names=("parish", "parish_budget")
            )

    def test_accepts_the_letters_of_a_very_short_name(self, tmp_path):
        environment(tmp_path).refuse_weak_secret(
            "DB_PASSWORD", "u8291-q4417w", shortest=10, known_names=("u", "7")
        )


class TestDatabaseUrl:
    def test_returns_the_parts_of_an_address(self, tmp_path):
        variables = environment(tmp_path, DATABASE_URL="postgres://u:p%40ss@db.example:5433/parish")

        database = variables.database_url("DATABASE_URL")

        assert (database["HOST"], database["PORT"], database["NAME"]) == ("db.example", 5433, "parish")
        assert (database["USER"], database["PASSWORD"]) == ("u", "p@ss")

    def test_returns_nothing_for_no_address(self, tmp_path):
        assert environment(tmp_path).database_url("DATABASE_URL") is None

    @pytest.mark.parametrize("address", ["mysql://u:s3cretword@h/x", "db.example", "postgres://u:p@h:port/x"])
    def test_refuses_what_is_no_postgresql_address_by_name(self, tmp_path, address):
        with pytest.raises(InvalidVariable, match="DATABASE_URL") as refusal:
            environment(tmp_path, DATABASE_URL=address).database_url("DATABASE_URL")

        assert "s3cretword" not in str(refusal.value)

    @pytest.mark.parametrize("address", ["postgres://u:s3cretword@h/", "postgres://u:s3cretword@h"])
    def test_says_what_an_address_without_a_database_lacks(self, tmp_path, address):
        with pytest.raises(MissingVariable, match=r"^DATABASE_URL .*postgres://user@host/name") as refusal:
            environment(tmp_path, DATABASE_URL=address).database_url("DATABASE_URL")

        assert "s3cretword" not in str(refusal.value)
