-- Which lines could not be read, and why?
select
    source,
    line_number,
    reason,
    detail,
    raw
from rejects
where {where}
order by {sort}
{limit}
