"""The routers of the service, one file for each group of routes, in the order of the OpenAPI document."""

from app.web.routes import audit, batch, bundles, codes, health, jobs, model, neighbours, notes, predict, reviews

ROUTERS = tuple(
    routes.router for routes in (predict, batch, model, audit, codes, neighbours, notes, reviews, jobs, bundles, health)
)
