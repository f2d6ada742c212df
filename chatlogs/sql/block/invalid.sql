-- Which lines of this block are not JSON?
select line from whole_lines where not json_valid(skeleton)
union all
select unnest(lines) from runs where not json_valid(skeleton)
