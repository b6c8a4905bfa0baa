{{ config(unique_key='order_id') }}

with valid as (
    select *
    from {{ ref('stg_sales__online_orders') }}
    where size(_faults) = 0 and {{ is_new('sales__online_orders') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by order_id
            order by {{ latest_first(['customer_id', 'product_id', 'quantity', 'unit_price', 'currency', 'channel', 'delivery_province', 'ordered_at']) }}
        ) as _rank
    from valid
)

select
    order_id,
    customer_id,
    product_id,
    quantity,
    unit_price,
    currency,
    channel,
    delivery_province,
    ordered_at,
    _version,
    _ingested_at
from ranked
where _rank = 1
