"""A made-up district for trying the site: who is in it, what they throw away, and a year of their drums.

Every step of that year is done by the services that pages and programs call; nothing writes a state by itself.
"""
