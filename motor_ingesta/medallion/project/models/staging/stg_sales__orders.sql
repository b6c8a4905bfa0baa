select
    order_id,
    customer_id,
    ordered_at,
    status,
    transform(lines, line -> named_struct(
        'product_id', line.product_id,
        'quantity', line.quantity,
        'unit_price', cast(line.unit_price as decimal(12, 2))
    )) as lines,
    cast(total as decimal(14, 2)) as total,
    {{ file_version('ordered_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('order_id'),
        missing('customer_id'),
        missing('ordered_at'),
        unknown('status', ['new', 'paid', 'sent', 'returned']),
        negative('total'),
        ('missing_value', 'lines', 'lines is null or size(lines) = 0'),
        ('out_of_range', 'quantity', 'exists(lines, line -> line.quantity not between 1 and 10000)'),
    ]) }} as _faults
from {{ source('bronze', 'sales__orders') }}
