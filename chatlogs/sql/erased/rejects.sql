-- Which rejects name a response that is erased: by its id, or by the name that was asked for?
-- A name counts as a word, not as a part of a longer one; one that is no word, wherever it stands.
create temp table blanked as
with names as (
    select name from named
    union
    select id from completions where id is not null and completion_key in (select completion_key from erased)
),
texts as (
    select filename, file_row_number, concat_ws(' ', detail, raw) as told
    from rejects
),
words as (
    -- the letter of an escape, such as \n, is no part of the word behind it
    select
        filename,
        file_row_number,
        unnest(list_distinct(regexp_extract_all(regexp_replace(told, '\\[bfnrt]', ' ', 'g'), '[\w-]+'))) as name
    from texts
)
select filename, file_row_number
from words
semi join names using (name)
union
select filename, file_row_number
from texts
join names on not regexp_full_match(name, '[\w-]+') and contains(told, name)
