-- A photograph is known by its file. Its day is that of the folder; its farm is in the name, if at all.
select
    _source_file as photo,
    to_date(regexp_extract(_source_file, '/([0-9]{4}/[0-9]{2}/[0-9]{2})/', 1), 'yyyy/MM/dd')
        as photo_date,
    nullif(regexp_extract(_source_file, '(farm-[0-9]+)', 1), '') as farm_id,
    _source_size as bytes,
    sha2(content, 256) as content_hash,
    {{ file_version('_source_modified_at') }} as _version,
    _ingested_at,
    {{ faults([
        ('empty_file', 'content', 'content is null or length(content) = 0'),
    ]) }} as _faults
from {{ source('bronze', 'fields__photos') }}
