-- How many bytes of text does an export have to hold?
select coalesce(sum(bytes), 0)::bigint
from (
    select strlen(concat(content, content_parts, tool_calls)) as bytes from messages
    union all
    select strlen(content) from choices
)
