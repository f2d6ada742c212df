-- Which logs have lines that went missing: neither record, blank, ignorable nor reject?
select 'The lines of ' || source || ' do not add up: ' || lines || ' lines, but ' || records || ' records + ' || blank
    || ' blank + ' || ignorable || ' ignorable + ' || rejects || ' rejects.' as problem
from sources
where records + blank + ignorable + rejects is distinct from lines
order by problem
limit 20
