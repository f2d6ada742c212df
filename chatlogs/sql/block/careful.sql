-- Which records of this block does the careful path read, and what do they say in full?
select
    f.first_line,
    f.last_line,
    f.chunks,
    if(r.repeats > 0, null, replace(r.skeleton, '{mark}', r.fragments)) as text,
    r.lines
from facts as f
left join streams as s on s.stream = f.stream
left join runs as r on r.first_line = f.first_line
where {which}
order by f.first_line
