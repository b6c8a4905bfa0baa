-- What each warehouse has at its last count, and how many days it lasts at the demand of late.
with ranked as (
    select
        *,
        row_number() over (partition by warehouse_id, product_id order by stock_date desc) as _rank
    from {{ ref('stock') }}
),

demand as (
    select
        origin_warehouse_id as warehouse_id,
        line.product_id,
        sum(line.quantity) / {{ var('demand_days') }} as daily_demand
    from {{ ref('shipments_enriched') }}
    lateral view explode(order_lines) exploded as line
    where cast(ordered_at as date) > date_sub(
        (select max(cast(ordered_at as date)) from {{ ref('shipments_enriched') }}),
        {{ var('demand_days') }}
    )
    group by 1, 2
),

cover as (
    select
        ranked.warehouse_id,
        ranked.product_id,
        products.product_name,
        ranked.stock_date,
        ranked.quantity,
        ranked.reserved,
        ranked.quantity - ranked.reserved as available,
        round(coalesce(demand.daily_demand, 0), 3) as daily_demand,
        round((ranked.quantity - ranked.reserved) / demand.daily_demand, 1) as days_of_cover
    from ranked
    left join demand
        on ranked.warehouse_id = demand.warehouse_id
        and ranked.product_id = demand.product_id
    left join {{ ref('products') }} as products
        on ranked.product_id = products.product_id
    where ranked._rank = 1
)

select
    *,
    case
        when available <= 0 then 'out_of_stock'
        when days_of_cover < {{ var('cover_days') }} then 'at_risk'
        else 'covered'
    end as risk
from cover
