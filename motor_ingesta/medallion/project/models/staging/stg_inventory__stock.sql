select
    warehouse_id,
    product_id,
    cast(counted_at as date) as stock_date,
    quantity,
    reserved,
    unit,
    counted_at,
    {{ file_version('counted_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('warehouse_id'),
        missing('product_id'),
        missing('counted_at'),
        missing('quantity'),
        negative('quantity'),
        negative('reserved'),
        ('out_of_range', 'reserved', 'reserved > quantity'),
    ]) }} as _faults
from {{ source('bronze', 'inventory__stock') }}
