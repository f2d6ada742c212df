-- Which lines are these runs made of? wanted_runs are the first of them.
select c.line, f.line as first_line
from cut_lines as c join wanted_runs as f on {same} and c.transcript = f.transcript
order by c.line
