-- Which lines is each of these runs made of?
select f.line as first_line, list(c.line order by c.line) as lines
from cut_lines as c join cut_lines as f on {same} and c.transcript = f.transcript
where f.line in (select first_line from wanted_runs)
group by f.line
