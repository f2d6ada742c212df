-- Which lines is each of these runs made of?
select r.first_line, list(c.line order by c.line) as lines
from cut_lines as c join runs as r on {same} and c.transcript = r.transcript
where r.first_line in (select first_line from wanted_runs)
group by r.first_line
