"""The SQL that makes the rows of one block of a thousand invented events.

The server makes them itself, which is several times faster than sending them. Each row follows from its
number alone, so the same block always has the same rows. The keys begin with that number, as those of
the application begin with the time, so that indexes stay dense.
"""

# ruff: noqa: S608 - what is put into the statements here is written in this file

EVENTS_IN_BLOCK = 1_000
PEOPLE_IN_BLOCK = 20
INCOMES, EXPENSES, ITEMS = 4, 14, 18
ENTRIES = 27  # Of a time long ago; triggers add one for each row of the other tables.

FUNCTIONS = """
    CREATE OR REPLACE FUNCTION pg_temp.key(kind text, n bigint) RETURNS uuid IMMUTABLE RETURN (
        lpad(to_hex(n), 12, '0') || '7' || substr(md5(kind || n), 1, 3)
        || '8' || substr(md5(kind || n), 4, 15)
    )::uuid;
    -- A number from 0 to below the limit, which looks random and is not.
    CREATE OR REPLACE FUNCTION pg_temp.dice(n bigint, seed bigint, below bigint) RETURNS bigint IMMUTABLE
        RETURN (hashint8extended(n, seed) % below + below) % below;
    CREATE OR REPLACE FUNCTION pg_temp.pick(words text[], n bigint, seed bigint) RETURNS text IMMUTABLE
        RETURN words[1 + pg_temp.dice(n, seed, cardinality(words))];
    CREATE OR REPLACE FUNCTION pg_temp.person(n bigint, seed bigint) RETURNS uuid IMMUTABLE
        RETURN pg_temp.key('person', ((n - 1) / 1000) * 20 + 1 + pg_temp.dice(n, seed, 10) + seed % 2 * 10);
    -- Camps and retreats make summer and winter full.
    CREATE OR REPLACE FUNCTION pg_temp.day(n bigint) RETURNS date IMMUTABLE RETURN make_date(
        2010 + pg_temp.dice(n, 1, 15)::int,
        (ARRAY[1,1,2,2,3,4,5,6,7,7,7,8,8,8,9,10,11,12,12,12])[1 + pg_temp.dice(n, 2, 20)],
        1 + pg_temp.dice(n, 3, 28)::int
    );
"""

_FAMILY = "'{김,이,박,최,정,강,조,윤,장,임,한,오,서,신,권,황}'"
_GIVEN = "'{하늘,바다,가온,나래,다온,라온,마루,보름,새롬,아름,이슬,초롱,푸름,한별,해솔,누리}'"
_BAPTISMAL = "'{가브리엘,라파엘,미카엘,베드로,바오로,요한,마리아,안나,루치아,체칠리아,데레사,모니카}'"
_EVENTS = (
    "'{여름 캠프,겨울 피정,성지 순례,부활 잔치,성탄 예술제,"
    "체육 대회,교사 연수,신앙 학교,송년 감사제,봉사 활동}'"
)
_PLACES = "'{본당 강당,교구 청소년 회관,별빛 수련원,솔숲 피정의 집,푸른 들 캠프장,강가 야영장}'"
_CATEGORIES = "'{식비,교통비,숙박비,프로그램비,인쇄비,전례비,간식비,예비비}'"
_DETAILS = (
    "'{아침 식사,점심 식사,저녁 식사,버스 대여,방 대여,"
    "조별 활동 재료,안내 책자,현수막,음료와 과자,구급 약품}'"
)
_VENDORS = (
    "'{한별 식당,가온 마트,나래 관광,누리 인쇄소,다온 문구,"
    "라온 제과,마루 수련원,새롬 약국,푸름 청과,해솔 정육점}'"
)
_INCOMES = "'{참가비,본당 지원금,후원금,바자회 수익}'"
_TABLES = "'{events,budgets,budget_expenses,settlement_items}'"

# In the order of insertion. Foreign keys are checked at the end of the block, so that a settlement can be
# written after its lines, whose sum it has to agree with.
STATEMENTS = {
    "users": f"""
        INSERT INTO users (id, email, password, name, baptismal_name, status, created_at)
        SELECT pg_temp.key('person', n), format('person%%s@example.org', n), '!',
               pg_temp.pick({_FAMILY}, n, 1) || pg_temp.pick({_GIVEN}, n, 2),
               pg_temp.pick({_BAPTISMAL}, n, 3), 'ACTIVE', '2010-01-01'
          FROM generate_series(%(first_person)s, %(last_person)s) AS n
    """,
    "user_organizations": """
        INSERT INTO user_organizations (id, user_id, organization_id, role, joined_at)
        SELECT pg_temp.key('membership', n), pg_temp.key('person', n),
               (%(organizations)s::uuid[])[1 + n %% 4],
               CASE n %% 10 WHEN 0 THEN 'ADMIN' WHEN 1 THEN 'TREASURER' ELSE 'MEMBER' END, '2010-01-01'
          FROM generate_series(%(first_person)s, %(last_person)s) AS n
    """,
    "events": f"""
        INSERT INTO events (id, organization_id, created_by_id, name, start_date, end_date, location, status,
                            created_at)
        SELECT pg_temp.key('event', n), (%(organizations)s::uuid[])[1 + n %% 4], pg_temp.person(n, 1),
               format('%%s %%s', extract(year FROM pg_temp.day(n)), pg_temp.pick({_EVENTS}, n, 4)),
               pg_temp.day(n), pg_temp.day(n) + pg_temp.dice(n, 5, 4)::int, pg_temp.pick({_PLACES}, n, 6),
               'COMPLETED', pg_temp.day(n) - interval '60 days'
          FROM generate_series(%(first)s, %(last)s) AS n
    """,
    "budgets": """
        INSERT INTO budgets (id, event_id, created_by_id, status, submitted_at, decided_by_id, decided_at,
                             created_at)
        SELECT pg_temp.key('budget', n), pg_temp.key('event', n), pg_temp.person(n, 1), 'APPROVED',
               pg_temp.day(n) - interval '40 days', pg_temp.person(n, 2), pg_temp.day(n) - interval '30 days',
               pg_temp.day(n) - interval '50 days'
          FROM generate_series(%(first)s, %(last)s) AS n
    """,
    "budget_incomes": f"""
        INSERT INTO budget_incomes (id, budget_id, display_order, title, amount, is_parish_subsidy,
                                    created_at)
        SELECT pg_temp.key('income', n * {INCOMES} + line), pg_temp.key('budget', n), line + 1,
               ({_INCOMES}::text[])[line + 1], (1 + pg_temp.dice(n, line, 300)) * 10000, line = 1,
               pg_temp.day(n) - interval '50 days'
          FROM generate_series(%(first)s, %(last)s) AS n, generate_series(0, {INCOMES} - 1) AS line
    """,
    "budget_expenses": f"""
        INSERT INTO budget_expenses (id, budget_id, display_order, category, detail, unit_price, quantity,
                                     quantity_unit, created_at)
        SELECT pg_temp.key('expense', n * {EXPENSES} + line), pg_temp.key('budget', n), line + 1,
               pg_temp.pick({_CATEGORIES}, n, line), pg_temp.pick({_DETAILS}, n, line + 50),
               (1 + pg_temp.dice(n, line + 100, 300)) * 100, 1 + pg_temp.dice(n, line + 150, 60), '명',
               pg_temp.day(n) - interval '50 days'
          FROM generate_series(%(first)s, %(last)s) AS n, generate_series(0, {EXPENSES} - 1) AS line
    """,
    "settlement_items": f"""
        INSERT INTO settlement_items (id, settlement_id, item_type, display_order, category, transacted_on,
                                      vendor, description, amount, payment_method, paid_by_id, created_at)
        SELECT pg_temp.key('item', n * {ITEMS} + line), pg_temp.key('settlement', n),
               CASE WHEN line < 3 THEN 'INCOME' ELSE 'EXPENSE' END, line + 1,
               CASE WHEN line < 3 THEN pg_temp.pick({_INCOMES}, n, line)
                    ELSE pg_temp.pick({_CATEGORIES}, n, line) END,
               pg_temp.day(n) + pg_temp.dice(n, line + 200, 4)::int,
               CASE WHEN line < 3 THEN '' ELSE pg_temp.pick({_VENDORS}, n, line + 250) END,
               pg_temp.pick({_DETAILS}, n, line + 300), (1 + pg_temp.dice(n, line + 350, 5000)) * 100,
               CASE WHEN line < 3 THEN '' WHEN line = 3 THEN 'PERSONAL_CARD' ELSE 'DEBIT_CARD' END,
               CASE WHEN line = 3 THEN pg_temp.person(n, 3) END, pg_temp.day(n) + interval '7 days'
          FROM generate_series(%(first)s, %(last)s) AS n, generate_series(0, {ITEMS} - 1) AS line
    """,
    "settlements": """
        INSERT INTO settlements (id, event_id, created_by_id, status, reviewed_by_id, completed_at,
                                 return_amount, account_balance, created_at)
        SELECT pg_temp.key('settlement', n), pg_temp.key('event', n), pg_temp.person(n, 1), 'COMPLETED',
               pg_temp.person(n, 2), pg_temp.day(n) + interval '21 days', greatest(balance, 0),
               least(balance, 0), pg_temp.day(n) + interval '7 days'
          FROM generate_series(%(first)s, %(last)s) AS n,
               LATERAL (SELECT sum(CASE item_type WHEN 'INCOME' THEN amount ELSE -amount END) AS balance
                          FROM settlement_items WHERE settlement_id = pg_temp.key('settlement', n)) AS lines
    """,
    "audit_trails": f"""
        INSERT INTO audit_trails (id, occurred_at, action, table_name, record_id, old_values, new_values,
                                  changed_fields, actor_id, actor_name, organization_id, transaction_id)
        SELECT pg_temp.key('entry', n * {ENTRIES} + entry),
               pg_temp.day(n) - interval '60 days' + entry * interval '1 day',
               CASE WHEN entry %% 5 = 0 THEN 'INSERT' ELSE 'UPDATE' END,
               pg_temp.pick({_TABLES}, n, entry), pg_temp.key('event', n),
               CASE WHEN entry %% 5 > 0 THEN jsonb_build_object('amount', pg_temp.dice(n, entry, 900000)) END,
               jsonb_build_object('amount', pg_temp.dice(n, entry + 1, 900000)),
               CASE WHEN entry %% 5 > 0 THEN '{{amount}}'::text[] ELSE '{{}}' END, pg_temp.person(n, 1),
               pg_temp.pick({_FAMILY}, n, 1) || pg_temp.pick({_GIVEN}, n, 2),
               (%(organizations)s::uuid[])[1 + n %% 4], n * {ENTRIES} + entry
          FROM generate_series(%(first)s, %(last)s) AS n, generate_series(0, {ENTRIES} - 1) AS entry
    """,
}

ROWS_IN_BLOCK = {
    "users": PEOPLE_IN_BLOCK,
    "user_organizations": PEOPLE_IN_BLOCK,
    "events": EVENTS_IN_BLOCK,
    "budgets": EVENTS_IN_BLOCK,
    "budget_incomes": EVENTS_IN_BLOCK * INCOMES,
    "budget_expenses": EVENTS_IN_BLOCK * EXPENSES,
    "settlement_items": EVENTS_IN_BLOCK * ITEMS,
    "settlements": EVENTS_IN_BLOCK,
    "audit_trails": EVENTS_IN_BLOCK * ENTRIES,
}
