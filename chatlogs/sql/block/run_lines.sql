-- Which lines is each of these runs made of? wanted_runs are the first of them.
select f.line as first_line, list(c.line order by c.line) as lines
from cut_lines as c join wanted_runs as f on {same} and c.transcript = f.transcript
group by f.line
