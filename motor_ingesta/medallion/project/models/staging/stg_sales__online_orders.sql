select
    order_id,
    customer_id,
    product_id,
    quantity,
    cast(unit_price as decimal(12, 2)) as unit_price,
    currency,
    channel,
    delivery_province,
    ordered_at,
    {{ record_version('ordered_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('order_id'),
        missing('customer_id'),
        missing('product_id'),
        missing('ordered_at'),
        outside('quantity', 1, 10000),
        negative('unit_price'),
        unknown('currency', ['EUR']),
    ]) }} as _faults
from {{ source('bronze', 'sales__online_orders') }}
