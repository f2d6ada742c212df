-- Which responses fulfil this condition?
select completion_key
from completions
where ({where}
  )
