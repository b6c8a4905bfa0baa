{{ config(unique_key=['warehouse_id', 'product_id', 'stock_date']) }}

with valid as (
    select *
    from {{ ref('stg_inventory__stock') }}
    where size(_faults) = 0 and {{ is_new('inventory__stock') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by warehouse_id, product_id, stock_date
            order by {{ latest_first(['quantity', 'reserved', 'unit', 'counted_at']) }}
        ) as _rank
    from valid
)

select
    stock_date,
    warehouse_id,
    product_id,
    quantity,
    reserved,
    unit,
    counted_at,
    _version,
    _ingested_at
from ranked
where _rank = 1
