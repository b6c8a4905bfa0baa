select
    shipment_id,
    order_id,
    carrier,
    vehicle_plate,
    origin_warehouse_id,
    destination_province,
    weight_kg,
    shipped_at,
    delivered_at,
    status,
    {{ file_version('coalesce(delivered_at, shipped_at)') }} as _version,
    _ingested_at,
    {{ faults([
        missing('shipment_id'),
        missing('order_id'),
        missing('shipped_at'),
        negative('weight_kg'),
        unknown('status', ['shipped', 'delivered', 'delayed', 'damaged']),
        ('out_of_order', 'delivered_at', 'delivered_at < shipped_at'),
    ]) }} as _faults
from {{ source('bronze', 'logistics__shipments') }}
