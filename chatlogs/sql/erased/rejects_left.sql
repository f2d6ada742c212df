-- What stays of the files with rejects that name an erased response? All rows, but such without their texts.
select
    rejects.* exclude (filename, file_row_number) replace (
        if(blanked.filename is null, detail, 'forgotten') as detail,
        if(blanked.filename is null, raw, null) as raw
    )
from rejects
left join blanked using (filename, file_row_number)
where rejects.filename in (select filename from blanked)
order by rejects.filename, rejects.file_row_number
