{{ config(
    unique_key='shipment_id',
    matched_condition='true'
) }}

-- A shipment with its order. An order that arrives after its shipment is added to it.
with orders as (
    select
        order_id,
        max_by(struct(channel, customer_id, ordered_at, lines, amount), sold_by) as of_order,
        max(_ingested_at) as _ingested_at
    from {{ ref('orders_enriched') }}
    group by order_id
)

select
    shipments.shipment_id,
    shipments.order_id,
    shipments.carrier,
    shipments.vehicle_plate,
    shipments.origin_warehouse_id,
    shipments.destination_province,
    shipments.weight_kg,
    shipments.shipped_at,
    shipments.delivered_at,
    shipments.status,
    orders.of_order.channel as order_channel,
    orders.of_order.customer_id,
    orders.of_order.ordered_at,
    orders.of_order.lines as order_lines,
    orders.of_order.amount as order_amount,
    shipments._version,
    greatest(shipments._ingested_at, orders._ingested_at) as _ingested_at
from {{ ref('shipments') }} as shipments
left join orders
    on shipments.order_id = orders.order_id
where {{ is_new('logistics__shipments', 'shipments') }}
    or {{ is_new('sales__orders', 'orders') }}
    or {{ is_new('sales__online_orders', 'orders') }}
