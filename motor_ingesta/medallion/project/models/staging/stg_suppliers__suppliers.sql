-- A register has no time of its own: it is that of the day on which it landed, <YYYY>/<MM>/<DD>.
select
    supplier_id,
    to_date(regexp_extract(_source_file, '/([0-9]{4}/[0-9]{2}/[0-9]{2})/', 1), 'yyyy/MM/dd')
        as register_date,
    name,
    contact_email,
    phone,
    province,
    products,
    rating,
    since,
    {{ file_version("to_date(regexp_extract(_source_file, '/([0-9]{4}/[0-9]{2}/[0-9]{2})/', 1), 'yyyy/MM/dd')") }}
        as _version,
    _ingested_at,
    {{ faults([
        missing('supplier_id'),
        missing('name'),
        outside('rating', 0, 5),
    ]) }} as _faults
from {{ source('bronze', 'suppliers__suppliers') }}
