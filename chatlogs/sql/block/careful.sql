-- Which chunks of this block belong to streams that the careful path reads, and what do runs of them say in full?
select f.first_line, f.last_line, f.chunks, {text} as text
from chunks as f join streams as s using (stream) left join runs as r on r.first_line = f.first_line and f.cut
where not s.plain
order by f.first_line
