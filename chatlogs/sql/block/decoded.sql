-- What do these strings say, which are given as they stand between their quotes? Null where one is no JSON.
select decoded(text) as text from strings
