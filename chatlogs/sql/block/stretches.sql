-- What do the joined fragments of each stretch say? Null where that is no JSON.
select decoded(fragments) as text from stretches
