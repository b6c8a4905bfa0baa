{# The expectations that a row fails, as `reason column`; empty for a row that meets all. #}
{% macro faults(expectations) -%}
    array_compact(array(
        {%- for reason, column, condition in expectations %}
        case when {{ condition }} then '{{ reason }} {{ column }}' end{{ ',' if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}

{% macro missing(column) -%}
    {{ return(('missing_value', column, column ~ " is null or cast(" ~ column ~ " as string) = ''")) }}
{%- endmacro %}

{% macro outside(column, low, high) -%}
    {{ return(('out_of_range', column, column ~ ' not between ' ~ low ~ ' and ' ~ high)) }}
{%- endmacro %}

{% macro negative(column) -%}
    {{ return(('negative_value', column, column ~ ' < 0')) }}
{%- endmacro %}

{% macro unknown(column, values) -%}
    {%- set known = "'" ~ values | join("', '") ~ "'" -%}
    {{ return(('unknown_code', column, column ~ ' not in (' ~ known ~ ')')) }}
{%- endmacro %}
