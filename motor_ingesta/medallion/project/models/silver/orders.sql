{{ config(unique_key='order_id') }}

with valid as (
    select *
    from {{ ref('stg_sales__orders') }}
    where size(_faults) = 0 and {{ is_new('sales__orders') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by order_id
            order by {{ latest_first(['customer_id', 'ordered_at', 'status', 'lines', 'total']) }}
        ) as _rank
    from valid
)

select
    order_id,
    customer_id,
    ordered_at,
    status,
    lines,
    total,
    _version,
    _ingested_at
from ranked
where _rank = 1
