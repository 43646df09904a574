// The page at /docs: Swagger UI over this gateway's own OpenAPI document.

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null, // it would send the document to another host
});
