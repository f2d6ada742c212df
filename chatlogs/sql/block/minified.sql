-- What are these usage objects without blanks?
select json(usage)::varchar as usage from spaced
