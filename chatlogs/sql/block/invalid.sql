-- Which lines of this block are not JSON?
select line from whole_lines where not json_valid(text)
