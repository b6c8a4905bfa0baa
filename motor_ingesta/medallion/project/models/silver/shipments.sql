{{ config(unique_key='shipment_id') }}

with valid as (
    select *
    from {{ ref('stg_logistics__shipments') }}
    where size(_faults) = 0 and {{ is_new('logistics__shipments') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by shipment_id
            order by {{ latest_first(['order_id', 'carrier', 'vehicle_plate', 'origin_warehouse_id', 'destination_province', 'weight_kg', 'shipped_at', 'delivered_at', 'status']) }}
        ) as _rank
    from valid
)

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
    _version,
    _ingested_at
from ranked
where _rank = 1
