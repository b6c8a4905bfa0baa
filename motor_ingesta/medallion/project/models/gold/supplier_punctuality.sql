-- Shipments with a product of a supplier, as its register was on the day of the shipment.
with shipped_products as (
    select distinct
        shipment_id,
        cast(shipped_at as date) as shipped_date,
        status,
        (unix_timestamp(delivered_at) - unix_timestamp(shipped_at)) / 3600 as hours,
        line.product_id
    from {{ ref('shipments_enriched') }}
    lateral view explode(order_lines) exploded as line
),

supplied_products as (
    select
        supplier_id,
        name,
        valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to,
        product_id
    from {{ ref('suppliers') }}
    lateral view explode(products) exploded as product_id
),

supplier_shipments as (
    select distinct
        supplied_products.supplier_id,
        supplied_products.name,
        shipped_products.shipment_id,
        shipped_products.shipped_date,
        shipped_products.status,
        shipped_products.hours
    from shipped_products
    inner join supplied_products
        on shipped_products.product_id = supplied_products.product_id
        and shipped_products.shipped_date >= supplied_products.valid_from
        and shipped_products.shipped_date < supplied_products.valid_to
)

select
    cast(date_trunc('month', shipped_date) as date) as month,
    supplier_id,
    max(name) as supplier_name,
    count(*) as shipments,
    count_if(status = 'delivered') as delivered,
    count_if(status = 'delayed') as delayed,
    count_if(status = 'damaged') as damaged,
    round(count_if(status = 'delivered') / count(*), 4) as on_time_share,
    round(avg(hours), 1) as average_hours
from supplier_shipments
group by 1, 2
