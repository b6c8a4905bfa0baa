{{ config(
    unique_key=['sold_by', 'order_id'],
    matched_condition='true'
) }}

-- The orders of shops and of the online shop alike, their lines with the product.
with order_lines as (
    select
        'shop' as sold_by,
        order_id,
        'shop' as channel,
        customer_id,
        cast(null as string) as province,
        ordered_at,
        status,
        position + 1 as line_number,
        line.product_id,
        line.quantity,
        line.unit_price,
        _version,
        _ingested_at
    from {{ ref('orders') }}
    lateral view posexplode(lines) exploded as position, line
    where {{ is_new('sales__orders') }}

    union all

    select
        'online' as sold_by,
        order_id,
        channel,
        customer_id,
        delivery_province as province,
        ordered_at,
        cast(null as string) as status,
        1 as line_number,
        product_id,
        quantity,
        unit_price,
        _version,
        _ingested_at
    from {{ ref('online_orders') }}
    where {{ is_new('sales__online_orders') }}
)

select
    order_lines.sold_by,
    order_lines.order_id,
    order_lines.channel,
    order_lines.customer_id,
    order_lines.province,
    order_lines.ordered_at,
    order_lines.status,
    sort_array(collect_list(named_struct(
        'line_number', order_lines.line_number,
        'product_id', order_lines.product_id,
        'product_name', products.product_name,
        'category', products.category,
        'quantity', order_lines.quantity,
        'unit_price', order_lines.unit_price,
        'amount', cast(order_lines.quantity * order_lines.unit_price as decimal(14, 2))
    ))) as lines,
    cast(sum(order_lines.quantity * order_lines.unit_price) as decimal(14, 2)) as amount,
    order_lines._version,
    order_lines._ingested_at
from order_lines
left join {{ ref('products') }} as products
    on order_lines.product_id = products.product_id
group by all
